"""Rules of distances by their definitions: every distance, every time, in plain float64."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Dense:
    """A kernel over places of a whole matrix."""

    def __init__(self, matrix: np.ndarray | Tensor) -> None:
        self.matrix = torch.as_tensor(matrix)
        self.asked = 0

    def variance(self, rows: Tensor, /) -> Tensor:
        return self.matrix.diagonal()[rows]

    def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
        self.asked += len(rows) * len(points)
        return self.matrix[rows][:, points]


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """``N P``, by differences."""
    return ((rows[:, None] - others[None]) ** 2).sum(2)


def nearest(rows: np.ndarray, taken: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The squared distance to the nearest taken, and which it is (ties: the first)."""
    distances = squared_distances(rows, taken)
    return distances.min(1), distances.argmin(1)


def farthest_first(rows: np.ndarray, given: np.ndarray, batch_size: int) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < batch_size:
        taken = np.concatenate([given, rows[chosen]])
        gains = nearest(rows, taken)[0] if len(taken) else (rows**2).sum(1)
        chosen.append(_first_best(gains, chosen))
    return chosen


def largest_cluster(rows: np.ndarray, given: np.ndarray, batch_size: int, weight: str) -> list[int]:
    chosen: list[int] = []
    while len(chosen) < batch_size:
        taken = np.concatenate([given, rows[chosen]])
        if not len(taken):
            chosen.append(_first_best((rows**2).sum(1), chosen))
            continue
        far, centre = nearest(rows, taken)
        weights = {"squared": far, "distance": np.sqrt(far), "count": (far > 0).astype(float)}[weight]
        sizes = [sum(weights[n] for n in range(len(rows)) if centre[n] == s) for s in range(len(taken))]
        inside = centre == int(np.argmax(sizes)) if max(sizes) > 0 else np.ones(len(rows), dtype=bool)
        chosen.append(_first_best(np.where(inside, far, -1), chosen))
    return chosen


def frank_wolfe(rows: np.ndarray, given: np.ndarray, batch_size: int) -> tuple[list[int], list[np.ndarray], np.ndarray]:
    """The picks, the scores before each, and what is reached in the end."""
    everything = np.concatenate([rows, given])
    lengths = np.sqrt((rows**2).sum(1))
    aim, radius = everything.sum(0), np.sqrt((everything**2).sum(1)).sum()
    reached = np.zeros(rows.shape[1])

    def step(row: np.ndarray) -> np.ndarray:
        length = np.sqrt((row**2).sum())
        if length == 0:
            return reached
        towards = radius * row / length - reached
        return reached + towards * (towards @ (aim - reached)) / max(towards @ towards, 1e-300)

    for row in given:
        reached = step(row)
    chosen: list[int] = []
    seen = []
    while len(chosen) < batch_size:
        scores = [
            row @ (aim - reached) / length if length else -np.inf for row, length in zip(rows, lengths, strict=True)
        ]
        seen.append(np.array(scores))
        chosen.append(_first_best(seen[-1], chosen))
        reached = step(rows[chosen[-1]])
    return chosen, seen, reached


def _first_best(gains: np.ndarray, chosen: Sequence[int]) -> int:
    return max((n for n in range(len(gains)) if n not in chosen), key=lambda n: (gains[n], -n))
