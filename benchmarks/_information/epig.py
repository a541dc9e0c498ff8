"""EPIG of classes: one product for the joint of every point with every target, and its logarithms."""

from functools import partial

import torch
from torch import Tensor

from bayesal.acquisitions import epig
from benchmarks._compare import Job
from benchmarks._device import Work
from benchmarks._information.inputs import categorical, pool_and_targets
from benchmarks._subjects.subject import Case, Setting, Size, Subject, numpy_peer

AUTHORS = "EPIG authors' formula"
AT_ONCE = 500  # points in one call, as their loop over the pool makes it


def build(size: Size, device: torch.device) -> Case:
    logs, target_logs = pool_and_targets(size, device)
    pool, targets = logs.exp(), target_logs.exp()
    jobs: dict[str, Job] = {
        AUTHORS: partial(whole_tensor, pool, targets),
        f"{AUTHORS}, {AT_ONCE} points at a time": lambda: torch.cat(
            [whole_tensor(some, targets) for some in pool.split(AT_ONCE)]
        ),
    }
    if heuristics := numpy_peer("baal.active.heuristics", device):
        arrays = [each.transpose(1, 2).contiguous().numpy() for each in (pool, targets)]
        jobs["baal"] = partial(heuristics.EPIG().compute_score, *arrays)
    n, k, c, t = size["N"], size["K"], size["C"], size["T"]
    joint = n * t * c * c
    floor = Work(flops=2 * k * joint, functions=joint + (n + t) * k * c, bytes=4 * (n + t) * k * c)
    return Case(
        partial(epig, categorical(logs), categorical(target_logs)), {"one log of each entry of the joint": floor}, jobs
    )


def whole_tensor(pool: Tensor, targets: Tensor) -> Tensor:
    """H(y) + mean_t H(y*_t) - mean_t H(y, y*_t) from the joint ``n C TC``, as they evaluate it, written fresh."""
    num_targets, num_hypotheses, _ = targets.shape
    joint = (pool.transpose(1, 2) @ targets.transpose(0, 1).flatten(1)) / num_hypotheses
    together = -torch.special.xlogy(joint, joint).sum((1, 2)) / num_targets
    return _entropy(pool.mean(1)) + _entropy(targets.mean(1)).mean() - together


def _entropy(probabilities: Tensor) -> Tensor:
    return -torch.special.xlogy(probabilities, probabilities).sum(-1)


EPIG = Subject(
    name="epig",
    title="EPIG",
    build=build,
    small={"N": 200, "K": 20, "C": 5, "T": 10},
    settings=[
        Setting({"N": 10_000, "K": 100, "C": 10, "T": 100}, goals={AUTHORS: 2, "baal": 2}, most_mib=100),
        Setting({"N": 10_000, "K": 100, "C": 10, "T": 1_000}, peers=False, most_mib=200),
        Setting({"N": 2_000, "K": 100, "C": 10, "T": 1_000}, goals={AUTHORS: 2.5, "baal": 2.5}, most_mib=200),
    ],
    base={"N": 5_000, "K": 100, "C": 10, "T": 100},
    growth={"N": (2_500, 5_000, 10_000), "K": (25, 50, 100), "C": (5, 10, 20), "T": (50, 100, 200)},
)
