"""k-center (MaxDist), k-means++ and LCMD: batches far from what is labelled and from each other."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from bayesal.selection import LCMD, KCenter, KMeansPlusPlus, grow
from benchmarks._device import Work
from benchmarks._kernels.bmdal import bmdal, installed
from benchmarks._kernels.inputs import AT_ONCE, pool_and_given
from benchmarks._subjects.subject import Case, Setting, Size, Subject, picks, same_picks

PEER = "bmdal_reg"
SIZE = {"N": 20_000, "D": 512, "L": 256, "B": 128, "bits": 32}
Choose = Callable[[Tensor, Tensor, int], Any]


def build(choose: Choose, theirs: str, random: bool, size: Size, device: torch.device) -> Case:
    """Draws cannot agree; that they follow the same law is tested elsewhere."""
    rows, given = pool_and_given(size, device)
    batch, peers = size["B"], {}
    if installed():
        peers[PEER] = bmdal(theirs, rows, given, batch)
    return Case(
        lambda: choose(rows, given, batch),
        floors(size),
        peers,
        other=frozenset(peers if random else ()),
        agree=same_picks,
        tells=partial(told, rows, given),
    )


def floors(size: Size) -> dict[str, Work]:
    n, d, labelled, batch, number = size["N"], size["D"], size["L"], size["B"], size["bits"] // 8
    products = 2 * n * labelled * d
    return {
        "all distances to labelled rows, and rows read once a pick": Work(flops=products, bytes=number * n * d * batch),
        "rows read once": Work(bytes=number * n * d),
    }


def told(rows: Tensor, given: Tensor, result: Any) -> str:
    """The largest and the mean squared distance to the nearest row that is labelled or chosen, in float64."""
    centres = torch.cat([given, rows[picks(result)]]).double()
    nearest = torch.cat([torch.cdist(some.double(), centres).amin(1) for some in rows.split(AT_ONCE)])
    notes = getattr(result, "notes", ())
    return "; ".join([f"radius {float(nearest.max()):.4f}, mean² {float(nearest.square().mean()):.4f}", *notes])


def k_center(rows: Tensor, given: Tensor, batch: int) -> Any:
    return grow(KCenter(), rows, batch, given=given, generator=Generator())


def lcmd(rows: Tensor, given: Tensor, batch: int) -> Any:
    return grow(LCMD(), rows, batch, given=given, generator=Generator())


def kmeans(rows: Tensor, given: Tensor, batch: int) -> Any:
    return grow(KMeansPlusPlus(first="uniform"), rows, batch, given=given, generator=Generator().manual_seed(0))


def _subject(name: str, title: str, choose: Choose, theirs: str, goal: float, *, random: bool = False) -> Subject:
    return Subject(
        name=name,
        title=title,
        build=partial(build, choose, theirs, random),
        small={"N": 300, "D": 16, "L": 20, "B": 12, "bits": 64},
        settings=[Setting(SIZE, goals={PEER: goal})],
        base={**SIZE, "N": 10_000, "B": 64},
        growth={"N": (5_000, 10_000, 20_000), "D": (128, 256, 512), "B": (32, 64, 128)},
    )


MAX_DIST = _subject("max-dist", "MaxDist, k-center", k_center, "maxdist", 10)
LCMD_JOB = _subject("lcmd", "LCMD", lcmd, "lcmd", 3)
KMEANS = _subject("kmeans++", "k-means++", kmeans, "kmeanspp", 3, random=True)
