"""DACS by hashes and by exact densities, against plain k-center and against all pairs of rows at once."""

from functools import partial

import torch
from torch import Generator, Tensor

from bayesal.numerics.natural_breaks import natural_breaks
from bayesal.selection import DensityKCenter, KCenter, grow
from bayesal.selection.group_shares import group_shares
from benchmarks._density.inputs import ALL_PAIRS, NEIGHBOURS, directions, every_pair
from benchmarks._density.neighbours import CHUNK, ROUNDS
from benchmarks._device import Work
from benchmarks._kernels.distance import told
from benchmarks._subjects.subject import Case, Setting, Size, Subject, same_picks

EXACT, PLAIN = "exact densities", "k-center, no densities"
SIZE = {"N": 50_000, "D": 32, "L": 100, "B": 1_000, "bits": 32}


def build(density: str, size: Size, device: torch.device) -> Case:
    rows, given = directions(size, device)
    n, d = rows.shape
    batch = size["B"]

    def chosen(rule: DensityKCenter | KCenter) -> object:
        return grow(rule, rows, batch, given=given, generator=Generator().manual_seed(0))

    peers = {PLAIN: lambda: chosen(KCenter())}
    if density == "lsh":
        products = Work(flops=6 * n * min(n, CHUNK) * d * ROUNDS + 2 * n * len(given) * d)
        peers[EXACT] = lambda: chosen(DensityKCenter("exact"))
    else:
        products = Work(flops=2 * n * (n + len(given)) * d)
        peers[ALL_PAIRS] = lambda: at_once(rows, given, batch)
    return Case(
        lambda: chosen(DensityKCenter(density)),
        {"products for densities and with labelled rows": products},
        peers,
        other=frozenset({PLAIN, EXACT}),
        agree=same_picks,
        tells=partial(told, rows, given),
    )


def at_once(rows: Tensor, given: Tensor, batch: int) -> list[int]:
    """The formulas, with every distance written down."""
    pairs = every_pair(rows)
    group = natural_breaks(-pairs.topk(NEIGHBOURS, largest=False).values.mean(1), 4)
    shares = group_shares(torch.bincount(group).tolist(), batch, 0.25)
    pairs.fill_diagonal_(0)
    nearest, chosen = torch.cdist(rows, given).square_().amin(1), list[int]()
    for h, share in enumerate(shares):
        for _ in range(share):
            chosen.append(int(nearest.masked_fill(group != h, -1).argmax()))
            nearest = torch.minimum(nearest, pairs[chosen[-1]])
            nearest[chosen[-1]] = -1
    return chosen


def _subject(name: str, title: str, density: str, settings: list[Setting], base: Size, most: int) -> Subject:
    return Subject(
        name=name,
        title=title,
        build=partial(build, density),
        small={"N": 600, "D": 8, "L": 10, "B": 20, "bits": 64},
        settings=settings,
        base=base,
        growth={"N": (most // 4, most // 2, most), "B": (250, 500, 1_000)},
    )


DACS = _subject(
    "dacs", "DACS, densities by hashes", "lsh", [Setting(SIZE, goals={EXACT: 2}, patience=10)], SIZE, 50_000
)
SMALLER = {**SIZE, "N": 5_000}
DACS_EXACT = _subject("dacs-exact", "DACS, exact densities", "exact", [Setting(SMALLER)], SMALLER, 10_000)
