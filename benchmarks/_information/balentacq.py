"""BalEntAcq: a pass over N K C numbers, then gamma functions of N C."""

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from bayesal.acquisitions import balentacq
from benchmarks._device import Work
from benchmarks._information.inputs import categorical, unrelated
from benchmarks._subjects.subject import Case, Setting, Size, Subject, close


def build(size: Size, device: torch.device) -> Case:
    logs = unrelated(size, device)
    per_class = size["N"] * size["C"]
    floor = Work(functions=logs.numel() + 7 * per_class, bytes=4 * logs.numel())
    return Case(
        partial(balentacq, categorical(logs)),
        {"one exp of each number, 7 gamma functions or logs a class": floor},
        {"formula, whole tensor in float64": lambda: whole_tensor(logs)},
        agree=_agree,
    )


def whole_tensor(logs: Tensor) -> Tensor:
    """1 / BalEnt where that is at least 0, else BalEnt, as it reads."""
    probabilities = logs.double().exp()
    mean, variance = probabilities.mean(1), probabilities.var(1)
    count = mean * (1 - mean) / variance - 1
    a, b = mean * count + 1, (1 - mean) * count
    log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
    after = log_beta - (a - 1) * a.digamma() - (b - 1) * b.digamma() + (a + b - 2) * (a + b).digamma()
    entropy = torch.special.entr(mean).sum(1)
    balanced = ((mean * after).sum(1) + entropy) / (entropy + math.log(2))
    return torch.where(balanced >= 0, 1 / balanced, balanced)


def _agree(theirs: Any, ours: Any) -> None:
    """As BalEnt itself, which has no pole."""
    close(*(torch.where(each > 0, 1 / each, each) for each in (theirs, ours)))


BALENTACQ = Subject(
    name="balentacq",
    title="BalEntAcq",
    build=build,
    small={"N": 300, "K": 20, "C": 5},
    settings=[Setting({"N": 10_000, "K": 100, "C": 10})],
    base={"N": 10_000, "K": 100, "C": 10},
    growth={"N": (2_500, 5_000, 10_000), "K": (25, 50, 100), "C": (5, 10, 20)},
)
