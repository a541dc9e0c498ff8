"""The hybrid loss: its two ends, what lies between, and models that do not hear of each other."""

import pytest
import torch
from torch import Generator
from torch.nn.functional import cross_entropy

from bayesal.learning.hybrid import HybridLoss

DENSITIES = torch.randn(6, 2, 3, generator=Generator().manual_seed(0), dtype=torch.float64)
TARGETS = torch.tensor([0, 2, 1, 1, 0, 2])
PRIOR = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64).log()


def test_its_ends_are_cross_entropy_and_the_density_a_feature() -> None:
    one = sum(cross_entropy(DENSITIES[:, m] + PRIOR, TARGETS, reduction="none") for m in range(2))
    assert isinstance(one, torch.Tensor)
    other = -torch.stack([DENSITIES[n, :, c] for n, c in enumerate(TARGETS)]).sum(1) / 7
    torch.testing.assert_close(HybridLoss(PRIOR, 1.0, 7)(DENSITIES, TARGETS), one)
    torch.testing.assert_close(HybridLoss(PRIOR, 0.0, 7)(DENSITIES, TARGETS), other)
    torch.testing.assert_close(HybridLoss(PRIOR, 0.8, 7)(DENSITIES, TARGETS), 0.8 * one + 0.2 * other)


def test_a_models_gradient_is_the_one_it_has_alone() -> None:
    loss = HybridLoss(PRIOR, 0.7, 7)
    both, alone = DENSITIES.clone().requires_grad_(), DENSITIES[:, :1].clone().requires_grad_()
    loss(both, TARGETS).mean().backward()
    loss(alone, TARGETS).mean().backward()
    assert both.grad is not None
    torch.testing.assert_close(both.grad[:, :1], alone.grad)


def test_early_stopping_watches_the_share_of_wrong_classes() -> None:
    certain = torch.zeros(2, 2, 3).double()
    certain[0, :, 0] = certain[1, 0, 1] = certain[1, 1, 2] = 9.0
    assert HybridLoss(PRIOR, 1.0, 7).error(certain, torch.tensor([0, 1])).tolist() == [0.0, 0.5]


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match=r"between 0 .* and 1"):
        HybridLoss(PRIOR, share, 7)
