"""2-BALD: BALD less what each label shares with each one already chosen."""

import torch
from torch import Generator, Tensor

from bayesal.selection import KBALD, grow
from benchmarks._device import Work
from benchmarks._information.inputs import log_probabilities
from benchmarks._subjects.subject import Case, Setting, Size, Subject, same_picks


def build(size: Size, device: torch.device) -> Case:
    logs, batch = log_probabilities(size["N"], size["K"], size["C"], device), size["B"]
    n, k, c = size["N"], size["K"], size["C"]
    pairs = n * c * c * (batch - 1)
    floor = Work(flops=2 * k * pairs, functions=n * k * c + pairs, bytes=4 * n * k * c * batch)
    return Case(
        lambda: grow(KBALD(2), logs, batch, generator=Generator()),
        {"a joint of N C C entries a pick": floor},
        {"formula, the whole joint a pick": lambda: whole_tensor(logs.exp(), batch)},
        agree=same_picks,
    )


def whole_tensor(probabilities: Tensor, batch: int) -> list[int]:
    """I(y_n; y_j) = H(y_n) + H(y_j) - H(y_n, y_j), from the joint of all points with the last pick."""
    alone = torch.special.entr(probabilities.mean(1)).sum(1)
    gains = alone - torch.special.entr(probabilities).sum(2).mean(1)
    chosen = [int(gains.argmax())]
    while len(chosen) < batch:
        last = chosen[-1]
        joint = torch.einsum("nkc,kd->ncd", probabilities, probabilities[last]) / probabilities.shape[1]
        gains = gains - (alone + alone[last] - torch.special.entr(joint).sum((1, 2)))
        chosen.append(int(gains.index_fill(0, torch.tensor(chosen, device=gains.device), -torch.inf).argmax()))
    return chosen


TWO_BALD = Subject(
    name="2-bald",
    title="2-BALD",
    build=build,
    small={"N": 200, "K": 20, "C": 5, "B": 4},
    settings=[Setting({"N": 10_000, "K": 100, "C": 10, "B": 10})],
    base={"N": 10_000, "K": 100, "C": 10, "B": 5},
    growth={"N": (2_500, 5_000, 10_000), "K": (25, 50, 100), "C": (5, 10, 20), "B": (5, 10, 20)},
)
