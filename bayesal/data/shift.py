"""Shifted pools: redundancy, imbalance, outliers and wrong labels, as benchmarks make them. The test part stays."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Generator, Tensor

from bayesal.data.dataset import DataSet
from bayesal.data.derived import JoinedSource, RepeatedSource, take
from bayesal.data.sources import source_of


def repeated(dataset: DataSet, times: int, *, noise: float = 0.1, generator: Generator) -> DataSet:
    """Every point ``times`` over, each copy with its own Gaussian noise of standard deviation ``noise``, drawn once.

    Repeated-MNIST (Kirsch, van Amersfoort and Gal, BatchBALD, NeurIPS 2019) is 3 times and 0.1 after normalisation.
    The ids are ``"ID#1"`` ... ``"ID#times"``. The copies are not stored: memory is that of the data set.
    """
    if times < 1:
        raise ValueError(f"times must be at least 1, but it is {times}")
    if noise < 0:
        raise ValueError(f"noise is a standard deviation, at least 0, but it is {noise}")
    key = int(torch.randint(2**62, (), generator=generator))
    plain = dataset.ids.tolist()
    return replace(
        dataset,
        inputs=RepeatedSource(source_of(dataset.inputs)[0], times, noise, key),
        labels=None if dataset.labels is None else dataset.labels.repeat(times, *[1] * (dataset.labels.ndim - 1)),
        ids=np.array([f"{i}#{copy}" for copy in range(1, times + 1) for i in plain], dtype=object),
        note=_and(dataset.note, f"each point {times} times, with noise of sd {noise} on each copy"),
        costs=None if dataset.costs is None else np.tile(dataset.costs, times),
    )


def imbalanced(dataset: DataSet, counts: Mapping[int, int], *, generator: Generator) -> DataSet:
    """Only ``counts[c]`` points of class c, drawn without replacement; classes not named keep all of theirs."""
    labels = _classes(dataset)
    kept = torch.ones(len(dataset), dtype=torch.bool)
    for value, count in counts.items():
        here = torch.nonzero(labels == value).flatten()
        if not 0 <= count <= len(here):
            raise ValueError(f"{dataset.name} has {len(here)} points of class {value}, so {count} cannot be kept")
        kept[here[torch.randperm(len(here), generator=generator)[count:]]] = False
    said = ", ".join(f"{count} of class {value}" for value, count in counts.items())
    return replace(dataset.take(torch.nonzero(kept).flatten()), note=_and(dataset.note, f"imbalanced: {said}"))


def irrelevant(dataset: DataSet, relevant: Sequence[int]) -> DataSet:
    """Only the ``relevant`` classes matter: they become 0, 1, ..., all others one last class "other" of the pool's.

    The test part keeps the relevant classes only, so most of the pool is beside the point ("redundant" MNIST: 1 and 7;
    Bickford Smith et al., 2023).
    """
    labels = _classes(dataset)
    num_classes = len(dataset.class_names)
    chosen = list(relevant)
    if not chosen or len(set(chosen)) < len(chosen) or not all(0 <= value < num_classes for value in chosen):
        raise ValueError(f"relevant classes must be different ones of 0 ... {num_classes - 1}, but they are {chosen}")
    if len(chosen) == num_classes:
        raise ValueError(f"all {num_classes} classes of {dataset.name} are relevant, so there is nothing to leave out")
    become = torch.full((num_classes,), len(chosen))
    become[chosen] = torch.arange(len(chosen))
    names = (*(dataset.class_names[value] for value in chosen), "other")
    changed = replace(
        dataset,
        labels=torch.where(labels < 0, labels, become[labels.clamp_min(0)]),
        class_names=names,
        note=_and(dataset.note, f"only {', '.join(names[:-1])} matter; the other classes are one, in the pool only"),
    )
    if dataset.test_labels is None:
        return changed
    assert dataset.test_inputs is not None
    test_labels = become[dataset.test_labels]
    kept = torch.nonzero(test_labels < len(chosen)).flatten()
    return replace(changed, test_inputs=take(dataset.test_inputs, kept.numpy()), test_labels=test_labels[kept])


def strangers(dataset: DataSet, classes: Sequence[int]) -> DataSet:
    """Nobody can label these ``classes``: they stay in the pool without a label, and leave the test part and the list
    of classes; the others become 0, 1, ... in their order."""
    labels = _classes(dataset)
    num_classes = len(dataset.class_names)
    if not classes or len(set(classes)) < len(classes) or not all(0 <= value < num_classes for value in classes):
        raise ValueError(
            f"strange classes must be different ones of 0 ... {num_classes - 1}, but they are {list(classes)}"
        )
    kept = [value for value in range(num_classes) if value not in classes]
    if len(kept) < 2:
        raise ValueError(f"all but {len(kept)} classes of {dataset.name} are strange; leave two to tell apart")
    become = torch.full((num_classes,), -1)
    become[kept] = torch.arange(len(kept))
    said = ", ".join(dataset.class_names[value] for value in sorted(classes))
    changed = replace(
        dataset,
        labels=torch.where(labels < 0, labels, become[labels.clamp_min(0)]),
        class_names=tuple(dataset.class_names[value] for value in kept),
        note=_and(dataset.note, f"nobody can label {said}: in the pool only, none of the classes"),
    )
    if dataset.test_labels is None:
        return changed
    assert dataset.test_inputs is not None
    test_labels = become[dataset.test_labels]
    tested = torch.nonzero(test_labels >= 0).flatten()
    return replace(changed, test_inputs=take(dataset.test_inputs, tested.numpy()), test_labels=test_labels[tested])


def outliers(dataset: DataSet, other: DataSet, number: int, *, generator: Generator) -> DataSet:
    """``number`` points of another data set mixed into the pool, without labels: nobody can answer for them.

    Their ids are ``"NAME:ID"`` after the other data set, so what was asked in vain can be counted. What they cost is
    what the other set says, unknown if it does not. Raises ValueError when the two sets' points have different shapes,
    or the other has too few.
    """
    if not 0 <= number <= len(other):
        raise ValueError(f"{other.name} has {len(other)} points, so {number} outliers cannot be taken from it")
    labels = dataset.labels
    if labels is None:
        raise ValueError(f"{dataset.name} has no labels, so points without one would not stand out")
    strangers = other.take(torch.randperm(len(other), generator=generator)[:number])
    ours, theirs = source_of(dataset.inputs)[0], source_of(strangers.inputs)[0]
    shapes = [
        tuple(source.gather(np.zeros(min(len(source), 1), dtype=np.int64)).shape[1:]) for source in (ours, theirs)
    ]
    if number and shapes[0] != shapes[1]:
        raise ValueError(f"points of {dataset.name} have the shape {shapes[0]}, those of {other.name} {shapes[1]}")
    unknown = labels.new_full((number, *labels.shape[1:]), torch.nan if labels.is_floating_point() else -1)
    priced = np.full(number, np.nan) if strangers.costs is None else strangers.costs
    named = np.array([f"{other.name}:{i}" for i in strangers.ids.tolist()], dtype=object)
    return replace(
        dataset,
        inputs=JoinedSource((ours, theirs)),
        labels=torch.cat([labels, unknown]),
        ids=np.concatenate([dataset.ids.astype(object), named]),
        note=_and(dataset.note, f"{number} outliers from {other.name}, without labels"),
        costs=None if dataset.costs is None else np.concatenate([dataset.costs, priced]),
    )


def label_noise(dataset: DataSet, rate: float, *, generator: Generator) -> DataSet:
    """Each known label is, with probability ``rate``, another class drawn evenly; the test part keeps its labels."""
    if not 0 <= rate <= 1:
        raise ValueError(f"rate is a probability, but it is {rate}")
    labels = _classes(dataset)
    num_classes = len(dataset.class_names)
    if num_classes < 2:
        raise ValueError(f"{dataset.name} has {num_classes} class, so a label cannot be taken for another")
    wrong = (torch.rand(len(labels), generator=generator) < rate) & dataset.known
    shift = torch.randint(1, num_classes, (len(labels),), generator=generator)
    mistaken = torch.where(wrong, (labels + shift) % num_classes, labels)
    note = f"{int(wrong.sum())} of {int(dataset.known.sum())} labels changed to another class (rate {rate})"
    return replace(dataset, labels=mistaken, note=_and(dataset.note, note))


def _classes(dataset: DataSet) -> Tensor:
    if dataset.kind != "classification" or dataset.labels is None:
        raise ValueError(f"{dataset.name} has no classes to shift ({dataset.kind}); expected a classification set")
    return dataset.labels


def _and(note: str, more: str) -> str:
    return f"{note}; {more}" if note else more
