"""Rows to measure with, the same on every device: made on the CPU, then moved. ``bits``: those of a number."""

import torch
from torch import Generator, Tensor

from benchmarks._subjects.subject import Size

CLUSTERS = 50
AT_ONCE = 10_000  # rows made together, so that making them needs little memory beside them
TYPES = {32: torch.float32, 64: torch.float64}


def pool_and_given(size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Features ``N D`` of a pool and ``L D`` of what is labelled, as networks make them: clusters, and a spectrum that
    falls, here as 1 / j."""
    n, d, labelled = size["N"], size["D"], size.get("L", 0)
    generator = Generator().manual_seed(0)
    scale = torch.arange(1, d + 1).rsqrt()
    centres = torch.randn(CLUSTERS, d, generator=generator)
    rows = torch.empty(labelled + n, d, dtype=TYPES[size.get("bits", 32)])
    for some in rows.split(AT_ONCE):
        which = torch.randint(CLUSTERS, (len(some),), generator=generator)
        some.copy_(torch.randn(len(some), d, generator=generator).add_(centres[which]).mul_(scale))
    return rows[labelled:].to(device), rows[:labelled].to(device)


def unrelated(size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Independent normal features: all rows are about equally far from each other."""
    generator = Generator().manual_seed(0)
    rows = torch.randn(size["L"] + size["N"], size["D"], generator=generator, dtype=TYPES[size["bits"]]).to(device)
    return rows[size["L"] :], rows[: size["L"]]


def logits_and_features(size: Size, device: torch.device) -> tuple[Tensor, Tensor]:
    """Logits ``N C`` and features ``N D`` of a linear head that is sure of some points and in doubt of others."""
    features, _ = pool_and_given(size, device)
    weights = torch.randn(size["D"], size["C"], generator=Generator().manual_seed(1), dtype=features.dtype)
    return features @ weights.to(device), features
