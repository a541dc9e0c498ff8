"""Densities by hashes against exact ones."""

from functools import cache

import torch
from torch import Generator, Tensor

from bayesal.numerics.hashing import hashed_mean_squared_distances
from bayesal.numerics.neighbours import mean_squared_distances
from benchmarks._density.inputs import ALL_PAIRS, NEIGHBOURS, directions, every_pair
from benchmarks._device import Work
from benchmarks._subjects.subject import Case, Setting, Size, Subject

EXACT = "exact, in blocks"
CHUNK, ROUNDS = 256, 4
SIZE = {"N": 50_000, "D": 32, "bits": 32}


def build(size: Size, device: torch.device) -> Case:
    rows, _ = directions(size, device)
    n, d = rows.shape

    @cache
    def exact() -> Tensor:
        return mean_squared_distances(rows, NEIGHBOURS)

    def told(result: Tensor) -> str:
        return f"rank correlation with exact {correlation(result, exact()):.4f}"

    def hashed() -> Tensor:
        sizes = {"chunk": CHUNK, "rounds": ROUNDS}
        return hashed_mean_squared_distances(rows, NEIGHBOURS, **sizes, generator=Generator().manual_seed(0))

    return Case(
        hashed,
        {
            "products with three chunks a round": Work(flops=6 * n * min(n, CHUNK) * d * ROUNDS),
            "products of all pairs": Work(flops=2 * n * n * d),
        },
        {
            EXACT: lambda: mean_squared_distances(rows, NEIGHBOURS),
            ALL_PAIRS: lambda: every_pair(rows).topk(NEIGHBOURS, largest=False).values.mean(1),
        },
        other=frozenset({EXACT, ALL_PAIRS}),
        tells=told,
    )


def correlation(left: Tensor, right: Tensor) -> float:
    """Spearman's, of numbers without ties."""
    ranks = torch.stack([each.argsort().argsort().double() for each in (left, right)])
    return float(torch.corrcoef(ranks)[0, 1])


DENSITY = Subject(
    name="density",
    title="Mean squared distance to 20 neighbours, by hashes",
    build=build,
    small={"N": 600, "D": 8, "bits": 64},
    settings=[
        Setting({**SIZE, "N": 5_000}),
        Setting(SIZE, without=frozenset({ALL_PAIRS}), goals={EXACT: 3}, patience=10),
    ],
    base=SIZE,
    growth={"N": (12_500, 25_000, 50_000), "D": (16, 32, 64)},
)
