"""k-center of many picks: rows in clusters, and rows that are all about equally far from each other."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Generator, Tensor

from bayesal.selection import KCenter, grow
from benchmarks._compare import Job
from benchmarks._device import Work
from benchmarks._kernels.inputs import pool_and_given, unrelated
from benchmarks._subjects.subject import Case, Setting, Size, Subject, numpy_peer, same_picks

SCIKIT, CDIST = "scikit-activeml", "torch.cdist, one pass a pick"
SIZE = {"N": 50_000, "D": 512, "L": 100, "B": 1_000, "bits": 32}


def build(inputs: Callable[[Size, torch.device], tuple[Tensor, Tensor]], size: Size, device: torch.device) -> Case:
    rows, given = inputs(size, device)
    batch, number = size["B"], size["bits"] // 8
    peers: dict[str, Job] = {CDIST: lambda: passes(rows, given, batch)}
    if pool := numpy_peer("skactiveml.pool", device):
        array = torch.cat([rows, given]).numpy()
        labels = np.concatenate([np.full(len(rows), np.nan), np.zeros(len(given))])
        peers[SCIKIT] = lambda: pool.CoreSet(random_state=0).query(array, labels, batch_size=batch)
    return Case(
        lambda: grow(KCenter(), rows, batch, given=given, generator=Generator()),
        {
            "all distances to labelled rows, and rows read once a pick": Work(
                flops=2 * rows.numel() * len(given), bytes=number * rows.numel() * batch
            ),
            "rows read once": Work(bytes=number * rows.numel()),
        },
        peers,
        agree=same_picks,
    )


def passes(rows: Tensor, given: Tensor, batch: int) -> list[int]:
    nearest, chosen = torch.cdist(rows, given).amin(1), list[int]()
    while True:
        chosen.append(int(nearest.argmax()))
        if len(chosen) == batch:
            return chosen
        nearest = torch.minimum(nearest, torch.cdist(rows, rows[chosen[-1:]]).squeeze(1))


def _subject(name: str, title: str, inputs: Callable[..., tuple[Tensor, Tensor]]) -> Subject:
    return Subject(
        name=name,
        title=title,
        build=partial(build, inputs),
        small={"N": 300, "D": 16, "L": 10, "B": 20, "bits": 64},
        settings=[
            Setting(SIZE, without=frozenset({CDIST}), goals={SCIKIT: 10}, patience=10),
            Setting({**SIZE, "B": 20}),
        ],
        base={**SIZE, "N": 25_000, "B": 100},
        growth={"N": (12_500, 25_000, 50_000), "D": (128, 256, 512), "B": (50, 100, 200)},
    )


CORE_SET = _subject("core-set", "k-center of rows in clusters", pool_and_given)
CORE_SET_UNRELATED = _subject("core-set-normal", "k-center of unrelated rows", unrelated)
