"""BatchBALD: enumerated while the configurations allow it, then sampled; and its expansion, 2-BALD."""

from functools import partial

import torch
from torch import Generator, Tensor

from bayesal.selection import BatchBALD, grow
from benchmarks._compare import Job, peer, quietly
from benchmarks._device import Work
from benchmarks._information.inputs import log_probabilities
from benchmarks._subjects.subject import Case, Setting, Size, Subject, numpy_peer, picks, same_picks
from benchmarks.batchbald import information

JUDGES = 100_000  # samples in the estimate of what a batch tells


def build(size: Size, device: torch.device) -> Case:
    logs = log_probabilities(size["N"], size["K"], size["C"], device)
    batch, most = size["B"], size["M"]
    return Case(
        lambda: grow(BatchBALD(most), logs, batch, generator=Generator().manual_seed(0)),
        floors(size),
        peers(logs, batch, most, device),
        other=frozenset({"baal"}),  # it samples configurations where they could be enumerated
        agree=same_picks,
        tells=partial(_told, logs.cpu(), min(JUDGES, 100 * size["N"])),
    )


def peers(logs: Tensor, batch: int, most: int, device: torch.device) -> dict[str, Job]:
    jobs: dict[str, Job] = {}
    if redux := peer("batchbald_redux.batchbald"):
        choose = partial(redux.get_batchbald_batch, logs, batch, most, dtype=torch.double, device=device)
        jobs["batchbald_redux"] = quietly(lambda: choose().indices)
    if heuristics := numpy_peer("baal.active.heuristics", device):
        classes_first = logs.exp().transpose(1, 2).contiguous().numpy()
        heuristic = heuristics.BatchBALD(batch, num_draw=most // logs.shape[1])  # draws per hypothesis
        jobs["baal"] = lambda: heuristic(classes_first)[:batch]
    if skactiveml := numpy_peer("skactiveml.pool", device):
        hypotheses_first = logs.exp().transpose(0, 1).double().contiguous().numpy()
        utilities = partial(skactiveml.batch_bald, hypotheses_first, batch, most, random_state=0)
        jobs["scikit-activeml"] = lambda: [torch.from_numpy(row).nan_to_num(-1).argmax() for row in utilities()]
    return jobs


def floors(size: Size) -> dict[str, Work]:
    """Of computing each gain: a product for p(c | y_m), a logarithm for its entropy; and of looking at each row."""
    n, k, c = size["N"], size["K"], size["C"]
    labels = sum(n * c * min(c**taken, size["M"]) for taken in range(size["B"]))
    return {
        "every gain of every pick": Work(flops=2 * k * labels, functions=labels, bytes=4 * n * k * c * size["B"]),
        "each row once": Work(functions=n * k * c, bytes=4 * n * k * c),
    }


def _told(logs: Tensor, samples: int, batch: object) -> str:
    value, error = information(logs, picks(batch), samples)
    return f"information {value:.4f} ± {error:.4f}"


BATCHBALD = Subject(
    name="batchbald",
    title="BatchBALD",
    build=build,
    small={"N": 100, "K": 20, "C": 4, "B": 4, "M": 1_000},
    settings=[
        Setting({"N": 10_000, "K": 100, "C": 10, "B": 5, "M": 10_000}, peers=False),
        Setting(
            {"N": 1_000, "K": 100, "C": 10, "B": 5, "M": 10_000},
            without=frozenset({"baal"}),  # half a minute a run, and it does not enumerate: see B = 10
            goals={"batchbald_redux": 10},
        ),
        Setting({"N": 10_000, "K": 100, "C": 10, "B": 10, "M": 10_000}, peers=False),
        Setting({"N": 1_000, "K": 100, "C": 10, "B": 10, "M": 10_000}, goals={"batchbald_redux": 40}),
    ],
    base={"N": 5_000, "K": 100, "C": 10, "B": 10, "M": 10_000},
    growth={
        "N": (2_500, 5_000, 10_000),
        "K": (25, 50, 100),
        "C": (5, 10, 20),
        "B": (5, 10, 20),
        "M": (5_000, 10_000, 20_000),
    },
)
