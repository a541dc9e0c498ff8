"""Batches in closed form: joint BALD and EPIG of a Gaussian posterior whose covariances are inner products."""

import torch
from torch import Generator, Tensor

from bayesal.selection import grow
from bayesal.selection.gaussian import BatchEPIG, JointBALD
from benchmarks._device import Work
from benchmarks._subjects.subject import Case, Setting, Size, Subject, same_picks

NOISE = 0.1
AT_ONCE = 2_000  # candidates whose determinants are computed together


def _features(number: int, size: Size, device: torch.device, seed: int = 0) -> Tensor:
    generator = Generator().manual_seed(seed)
    return (torch.randn(number, size["K"], generator=generator) / size["K"] ** 0.5).to(device)


def joint_bald(size: Size, device: torch.device) -> Case:
    rows, batch = _features(size["N"], size, device), size["B"]
    columns = 4 * size["N"] * size["K"] * batch  # the covariances with each pick, from features
    known = sum(8 * size["N"] * taken for taken in range(batch))  # what the picks before it share with each row
    return Case(
        lambda: grow(JointBALD(NOISE), rows, batch, generator=Generator()),
        {"rows and columns read once a pick": Work(bytes=columns + known)},
        {"log-determinants anew for each pick": lambda: determinants(rows.double(), batch)},
        agree=same_picks,
    )


def determinants(rows: Tensor, batch: int) -> list[int]:
    """The largest ln det(I + S / σ²) of the batch with each point, every determinant from nothing."""
    chosen: list[int] = []
    for _ in range(batch):
        places = torch.arange(len(rows), device=rows.device)
        values = []
        for some in places.split(AT_ONCE):
            fixed = torch.tensor(chosen, dtype=torch.int64, device=rows.device).expand(len(some), -1)
            batches = rows[torch.cat([fixed, some[:, None]], 1)]
            covariance = batches @ batches.mT / NOISE
            values.append(torch.linalg.slogdet(covariance + torch.eye(len(chosen) + 1).to(covariance)).logabsdet)
        value = torch.cat(values)
        value[chosen] = -torch.inf
        chosen.append(int(value.argmax()))
    return chosen


def epig(size: Size, device: torch.device) -> Case:
    n, k, t, batch = (size[letter] for letter in "NKTB")
    both = _features(n + t, size, device)
    rows, targets = both[:n].clone(), both[n:].clone()
    columns = 4 * n * k * batch + sum(8 * n * taken for taken in range(batch))
    floor = Work(flops=2 * n * k * t, functions=n * t * batch, bytes=columns + 2 * 8 * n * t * batch)
    return Case(
        lambda: grow(BatchEPIG(targets, NOISE), rows, batch, generator=Generator()),
        {"one log of each point with each target a pick": floor},
        {"conditional covariances anew for each pick": lambda: conditional(rows.double(), targets.double(), batch)},
        agree=same_picks,
    )


def conditional(rows: Tensor, targets: Tensor, batch: int) -> list[int]:
    """mean_t -½ ln(1 - c² / ((v + σ²)(v* + σ²))) with all covariances conditioned on the picks from nothing."""
    chosen: list[int] = []
    for _ in range(batch):
        taken = rows[chosen]
        within = taken @ taken.T + NOISE * torch.eye(len(chosen)).to(rows)
        to_rows, to_targets = (torch.linalg.solve(within, taken @ each.T) for each in (rows, targets))
        v = rows.square().sum(1) - (rows @ taken.T * to_rows.T).sum(1)
        v_targets = targets.square().sum(1) - (targets @ taken.T * to_targets.T).sum(1)
        c = rows @ targets.T - rows @ taken.T @ to_targets
        value = -0.5 * torch.log1p(-c.square() / ((v + NOISE)[:, None] * (v_targets + NOISE))).mean(1)
        value[chosen] = -torch.inf
        chosen.append(int(value.argmax()))
    return chosen


JOINT_BALD = Subject(
    name="joint-bald",
    title="joint BALD, Gaussian (K: features)",
    build=joint_bald,
    small={"N": 100, "K": 20, "B": 5},
    settings=[
        Setting({"N": 10_000, "K": 100, "B": 50}, peers=False),
        Setting({"N": 1_000, "K": 100, "B": 50}),
    ],
    base={"N": 10_000, "K": 100, "B": 50},
    growth={"N": (2_500, 5_000, 10_000), "K": (50, 100, 200), "B": (25, 50, 100)},
)

GAUSSIAN_EPIG = Subject(
    name="gaussian-epig",
    title="EPIG, Gaussian (K: features)",
    build=epig,
    small={"N": 100, "K": 20, "T": 10, "B": 5},
    settings=[Setting({"N": 10_000, "K": 100, "T": 100, "B": 10})],
    base={"N": 10_000, "K": 100, "T": 100, "B": 10},
    growth={"N": (2_500, 5_000, 10_000), "K": (50, 100, 200), "T": (50, 100, 200), "B": (5, 10, 20)},
)
