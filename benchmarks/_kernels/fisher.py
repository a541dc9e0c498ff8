"""BAIT of a classifier: forward and backward over Fisher information, whose factors are C x (C D)."""

import torch
from torch import Generator, Tensor

from bayesal.representations import fisher_factors
from bayesal.selection import FisherBait, grow
from benchmarks._device import Work
from benchmarks._kernels.inputs import logits_and_features
from benchmarks._subjects.subject import Case, Setting, Size, Subject, same_picks

WRITTEN = "formula, factors written down"
RIDGE, TWICE = 0.1, 2


def build(size: Size, device: torch.device) -> Case:
    logits, features = logits_and_features(size, device)
    n, d, c, batch = (size[letter] for letter in "NDCB")
    rule = FisherBait(regularisation=RIDGE, weighting="sum", over_selection=TWICE)
    blocks = 2 * n * c * c * d * d  # h_nᵀ [F] h_n for all pairs of classes
    a_step = 2 * n * c * (c - 1) * d
    return Case(
        lambda: grow(rule, fisher_factors(logits, features), batch, generator=Generator()),
        {"blocks of M⁻¹ F M⁻¹ once, the rows' share of a pick each pick": Work(flops=blocks + TWICE * batch * a_step)},
        {WRITTEN: lambda: written(logits, features, batch)},
        agree=same_picks,
    )


def written(logits: Tensor, features: Tensor, batch: int) -> list[int]:
    """tr(V M⁻¹ F M⁻¹ Vᵀ (I ± V M⁻¹ Vᵀ)⁻¹) of every point at every step, V = √p_y (e_y - p) ⊗ h of C rows each."""
    p = logits.softmax(1)
    left = p.sqrt()[:, :, None] * (torch.eye(p.shape[1]).to(p) - p[:, None])
    factors = (left[..., None] * features[:, None, None]).flatten(2)  # N C (C D)
    flat = factors.flatten(0, 1)
    fisher = flat.T @ flat / len(factors)
    inverse, one = torch.eye(len(fisher)).to(p) / RIDGE, torch.eye(p.shape[1]).to(p)
    chosen: list[int] = []

    def worth(places: list[int] | slice, sign: int) -> Tensor:
        some = factors[places]
        known = some @ inverse
        return torch.linalg.solve(one + sign * known @ some.mT, known @ fisher @ known.mT).diagonal(0, 1, 2).sum(1)

    def moved(inverse: Tensor, place: int, sign: int) -> Tensor:
        known = factors[place] @ inverse
        return inverse - sign * known.T @ torch.linalg.solve(one + sign * known @ factors[place].T, known)

    while len(chosen) < TWICE * batch:
        gains = worth(slice(None), 1)
        gains[chosen] = -torch.inf
        chosen.append(int(gains.argmax()))
        inverse = moved(inverse, chosen[-1], 1)
    while len(chosen) > batch:
        inverse = moved(inverse, chosen.pop(int(worth(chosen, -1).argmin())), -1)
    return chosen


FISHER = Subject(
    name="fisher",
    title="BAIT of a classifier",
    build=build,
    small={"N": 40, "D": 6, "C": 4, "B": 5, "bits": 64},
    settings=[
        Setting({"N": 1_000, "D": 128, "C": 10, "B": 5, "bits": 32}, goals={WRITTEN: 20}),
        Setting(
            {"N": 10_000, "D": 512, "C": 10, "B": 100, "bits": 32},
            peers=False,
            most_mib=1024,
            most_processor_seconds=120,
        ),
    ],
    base={"N": 4_000, "D": 128, "C": 10, "B": 20, "bits": 32},
    growth={"N": (2_000, 4_000, 8_000), "D": (64, 128, 256), "C": (5, 10, 20), "B": (10, 20, 40)},
)
