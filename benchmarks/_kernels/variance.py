"""MaxDet and Bait: batches that take the most of the variance that the labelled rows leave."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor

from bayesal.selection import Bait, MaxDet, grow
from benchmarks._device import Work
from benchmarks._kernels.bmdal import bmdal, installed
from benchmarks._kernels.inputs import AT_ONCE, pool_and_given
from benchmarks._subjects.subject import Case, Setting, Size, Subject, picks, same_picks

NOISE = 0.01  # standard deviation; the rows are about 4 long
POSTERIOR, JOINTLY = "bmdal_reg, posterior features", "bmdal_reg, labelled rows first"
DOUBLE = "bmdal_reg, the same in float64"  # where its backward step works, and picks are ours
SIZE = {"N": 20_000, "D": 512, "L": 256, "B": 128, "bits": 32}


def max_det(size: Size, device: torch.device) -> Case:
    rows, given = pool_and_given(size, device)
    batch, peers = size["B"], {}
    if installed():
        peers[POSTERIOR] = bmdal("maxdet", rows, given, batch, [("train", [NOISE])], maxdet_sigma=NOISE)
        peers[JOINTLY] = bmdal("maxdet", rows, given, batch, maxdet_sigma=NOISE, sel_with_train=True)
    return Case(
        lambda: grow(MaxDet(NOISE), rows, batch, given=given, generator=Generator()),
        {"rows read once a pick": floor(size, products=size["L"] * size["D"] * (2 * size["N"] + size["L"]))},
        peers,
        agree=same_picks,
        tells=partial(told, log_determinant, rows, given),
    )


def bait(over_selection: int, size: Size, device: torch.device) -> Case:
    rows, given = pool_and_given(size, device)
    batch, peers = size["B"], {}
    if installed():
        settings = {"bait_sigma": NOISE, "overselection_factor": float(over_selection)}
        peers[POSTERIOR] = bmdal("bait", rows, given, batch, [("train", [NOISE])], **settings)
        peers[DOUBLE] = bmdal("bait", rows.double(), given.double(), batch, [("train", [NOISE])], **settings)
    return Case(
        lambda: grow(Bait(NOISE, over_selection=over_selection), rows, batch, given=given, generator=Generator()),
        {
            "rows read once a pick, and their products": floor(
                size, products=size["N"] * size["D"] ** 2, passes=over_selection
            )
        },
        peers,
        agree=same_picks,
        tells=partial(told, total_variance, rows, given),
    )


def floor(size: Size, *, products: float, passes: int = 1) -> Work:
    """``passes`` over the rows for each pick, and ``products`` flops before the first."""
    return Work(flops=products, bytes=size["bits"] // 8 * size["N"] * size["D"] * size["B"] * passes)


def told(value: Callable[..., str], rows: Tensor, given: Tensor, result: Any) -> str:
    """What a batch reaches, in float64, and what whoever chose it had to say."""
    return "; ".join([value(rows, given, rows[picks(result)]), *getattr(result, "notes", ())])


def log_determinant(rows: Tensor, given: Tensor, batch: Tensor) -> str:
    both = torch.cat([given, batch]).double()
    known, all_ = (
        torch.logdet(torch.eye(len(some)).to(some) + some @ some.T / NOISE**2) for some in (given.double(), both)
    )
    return f"ln det {float(all_ - known):.3f}"


def total_variance(rows: Tensor, given: Tensor, batch: Tensor) -> str:
    """Of pool and labelled rows, given the labelled ones and the batch."""
    known = torch.cat([given, batch]).double()
    inverse = torch.linalg.inv(torch.eye(known.shape[1]).to(known) + known.T @ known / NOISE**2)
    left = 0.0
    for some in (*rows.split(AT_ONCE), given):
        left += float((some.double() @ inverse * some).sum())
    return f"variance left {left:.3f}"


MAX_DET = Subject(
    name="max-det",
    title="MaxDet",
    build=max_det,
    small={"N": 300, "D": 16, "L": 20, "B": 12, "bits": 64},
    settings=[Setting(SIZE, goals={POSTERIOR: 1.2})],
    base={**SIZE, "N": 10_000, "B": 64},
    growth={"N": (5_000, 10_000, 20_000), "D": (128, 256, 512), "B": (32, 64, 128)},
)


def _bait(name: str, title: str, over_selection: int, goals: dict[str, float]) -> Subject:
    return Subject(
        name=name,
        title=title,
        build=partial(bait, over_selection),
        small={"N": 300, "D": 16, "L": 20, "B": 8, "bits": 64},
        settings=[Setting(SIZE, goals=goals)],
        base={**SIZE, "N": 10_000, "B": 64},
        growth={"N": (5_000, 10_000, 20_000), "D": (128, 256, 512), "B": (32, 64, 128)},
    )


BAIT_FORWARD = _bait("bait", "Bait-F", 1, {POSTERIOR: 3})
BAIT_BACKWARD = _bait("bait-backward", "Bait-FB", 2, {DOUBLE: 6})
