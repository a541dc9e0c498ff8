"""Scoring and choosing alone: what every unlabelled point would tell, and which to label next."""

from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal

from bayesal import acquisitions
from bayesal.bench.named import heedless, looks_at_nothing, method_for
from bayesal.bench.needs import works_blind
from bayesal.bench.situation import Situation
from bayesal.loop.files import write_atomically
from bayesal.loop.streams import stream
from bayesal.methods import random
from bayesal.strategies import Strategy
from bayesal.types import Inputs

CLASS_SCORES = ("bald", "entropy", "margin", "least_confidence", "variation_ratio", "mean_std", "balentacq")
AMOUNT_SCORES = ("variance", "bald", "entropy")


def score(situation: Situation, *, seed: int) -> pd.DataFrame:
    """One line an unlabelled point, the most informative first: its id, what is predicted and how surely, and every
    score the predictions allow (nats, except for shares and units of the label). Raises ValueError without a belief."""
    if situation.belief is None:
        raise ValueError(
            f"{situation.note}, so there is no model to score with; label some points, or give a trained model of your "
            "own as --posterior module:name"
        )
    hypotheses = situation.belief.draw(situation.config.num_hypotheses, generator=stream(seed, 0, "score"))
    columns: list[str] = []

    @torch.no_grad()
    def look(inputs: Inputs) -> Tensor:
        table = _columns(hypotheses(inputs))
        columns[:] = table
        return torch.stack([values.double() for values in table.values()], 1)

    ids = situation.pool.unlabelled
    rows = situation.pool.scan(look, ids, what="scoring the pool").numpy()
    frame = pd.DataFrame(rows, columns=pd.Index(columns))
    frame.insert(0, "id", ids)
    if "prediction" in frame and situation.data.class_names:
        frame["prediction"] = np.array(situation.data.class_names)[frame["prediction"].astype(int)]
    return frame.sort_values("bald", ascending=False, kind="stable", ignore_index=True)


def select(situation: Situation, method: str, batch_size: int, *, seed: int) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The batch to label next, in the order it was picked (``id``, ``score`` and ``gain`` unless the method looks at
    nothing, ``cost`` where labels have prices), and what to know about it.

    Without a belief a method that works without one chooses; in place of any other the batch is drawn at random, and
    the notes say so.
    """
    blind = situation.belief is None and not works_blind(method)
    strategy: Strategy[Any] = random() if blind else method_for(situation.config, method, situation.around)
    selection = strategy(situation.belief, situation.pool, batch_size, generator=stream(seed, 0, "select"))
    explained = {} if looks_at_nothing(strategy) else {"score": selection.scores, "gain": selection.gains}
    frame = pd.DataFrame({"id": list(selection.ids), **explained})
    notes = ["there is nothing to learn from yet, so these were drawn at random"] if blind else []
    if (costs := situation.around.costs) is not None:
        frame["cost"] = [costs[key] for key in selection.ids]
        notes += [] if blind else heedless(situation.config, method, situation.around)
        notes += [f"the labels of this batch cost {frame['cost'].sum():g} in all"]
    return frame, (situation.note, *notes, *selection.notes)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """As Parquet or CSV, by the suffix, whole or not at all. Raises ValueError for another suffix."""
    if path.suffix not in (".csv", ".parquet"):
        raise ValueError(f"cannot write {path}: name it .csv or .parquet")
    if not path.parent.is_dir():
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}")
    if path.suffix == ".csv":
        write_atomically(path, frame.to_csv(index=False, lineterminator="\n").encode())
    else:
        write_atomically(path, frame.to_parquet(index=False))


def unused(path: Path) -> Path:
    """The path, or with -2, -3, ... before its suffix the first that is free: a list may hold somebody's answers."""
    numbered = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
    return path if not path.exists() else next(other for other in numbered if not other.exists())


def _columns(predictions: Distribution) -> dict[str, Tensor]:
    if isinstance(predictions, Categorical):
        probabilities = predictions.probs.mean(1)
        best = probabilities.max(1)
        said = {"prediction": best.indices, "probability": best.values}
        names = CLASS_SCORES if predictions.batch_shape[1] > 1 else CLASS_SCORES[:-1]  # BalEntAcq compares hypotheses
        return said | {name: getattr(acquisitions, name)(predictions) for name in names}
    if isinstance(predictions, Normal):
        mean = predictions.loc.mean(1)
        spread = (predictions.scale.square() + predictions.loc.square()).mean(1) - mean.square()
        said = {"prediction": mean, "sd": spread.clamp(min=0).sqrt()}
        return said | {name: getattr(acquisitions, name)(predictions) for name in AMOUNT_SCORES}
    return {name: getattr(acquisitions, name)(predictions) for name in ("bald", "entropy")}
