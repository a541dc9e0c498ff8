"""Frank-Wolfe: a batch whose weighted sum imitates the sum of the pool."""

import torch
from torch import Generator

from bayesal.selection import FrankWolfe, grow
from benchmarks._device import Work
from benchmarks._kernels.bmdal import bmdal, installed
from benchmarks._kernels.inputs import pool_and_given
from benchmarks._subjects.subject import Case, Setting, Size, Subject, same_picks

PEER = "bmdal_reg"
SIZE = {"N": 20_000, "D": 512, "B": 128, "bits": 32}


def build(size: Size, device: torch.device) -> Case:
    rows, _ = pool_and_given(size, device)
    batch, peers = size["B"], {}
    if installed():
        peers[PEER] = bmdal("fw", rows, rows[:1], batch)  # it wants labelled rows, and then leaves them out
    return Case(
        lambda: grow(FrankWolfe(), rows, batch, generator=Generator()),
        {"rows read once a pick": Work(bytes=size["bits"] // 8 * rows.numel() * batch)},
        peers,
        agree=same_picks,
    )


FRANK_WOLFE = Subject(
    name="frank-wolfe",
    title="Frank-Wolfe",
    build=build,
    small={"N": 300, "D": 16, "B": 12, "bits": 64},
    settings=[Setting(SIZE, goals={PEER: 1.2})],
    base={**SIZE, "N": 10_000, "B": 64},
    growth={"N": (5_000, 10_000, 20_000), "D": (128, 256, 512), "B": (32, 64, 128)},
)
