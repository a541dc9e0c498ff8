"""A test part for data sets that come without one."""

from dataclasses import replace

import numpy as np
import torch
from sklearn.model_selection import train_test_split

from bayesal.data.dataset import DataSet
from bayesal.data.derived import take


def split(dataset: DataSet, *, test_fraction: float, seed: int) -> DataSet:
    """The data set with a test part drawn from its labelled points; points without a label stay in the pool.

    With classes the draw is stratified, so that the test part has each class in proportion; a class with a single
    point stays in the pool, and the note says so. Both parts keep the order of the data set. Raises ValueError when
    there is a test part already, when nothing is labelled, or when a part would be empty.
    """
    if dataset.test_labels is not None:
        raise ValueError(f"{dataset.name} has a test part of {len(dataset.test_labels)} points; it is not split again")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must lie between 0 and 1, but it is {test_fraction}")
    if dataset.labels is None:
        raise ValueError(f"{dataset.name} has no labels, so there is nothing to test on")
    known = np.flatnonzero(dataset.known.numpy())
    classes = dataset.labels[torch.from_numpy(known)].numpy() if dataset.kind == "classification" else None
    alone = np.empty(0, dtype=np.int64)
    if classes is not None:
        values, counts = np.unique(classes, return_counts=True)
        alone = values[counts == 1]
        kept = ~np.isin(classes, alone)
        known, classes = known[kept], classes[kept]
    num_test = round(test_fraction * len(known))
    num_strata = 1 if classes is None else len(np.unique(classes))
    if min(num_test, len(known) - num_test) < max(num_strata, 1):
        single = f", not counting {len(alone)} that are the only ones of their class" if len(alone) else ""
        raise ValueError(
            f"{dataset.name} has {len(known)} labelled points to split{single}; a test_fraction of {test_fraction} "
            f"would leave fewer than {max(num_strata, 1)} (one a class) on one side; label more, or give a test part"
        )
    test = np.sort(train_test_split(known, test_size=num_test, random_state=seed, stratify=classes)[1])
    drawn = f"{len(test)} of {len(known)} labelled points drawn for the test part (seed {seed})"
    notes = [drawn + (", each class in proportion" if classes is not None else "")]
    if len(alone):
        names = ", ".join(dataset.class_names[value] for value in alone.tolist())
        notes.append(f"classes with a single point are not tested: {names}")
    return hold_out(dataset, test, "; ".join(notes))


def hold_out(dataset: DataSet, test: np.ndarray, note: str) -> DataSet:
    """The data set with the points at these positions as its test part, and the note extended."""
    assert dataset.labels is not None
    rest = np.ones(len(dataset), dtype=bool)
    rest[test] = False
    return replace(
        dataset.take(np.flatnonzero(rest)),
        test_inputs=take(dataset.inputs, test),
        test_labels=dataset.labels[torch.from_numpy(test)],
        note="; ".join(filter(None, (dataset.note, note))),
    )
