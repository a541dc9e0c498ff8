"""The noise that is left with dropout on: exact where it can be counted, and the least that last layers believe."""

import pytest
import torch
from torch import Generator, nn

from bayesal.learning import SquaredLoss
from bayesal.posteriors import BayesianLastLayer, LastLayerLaplace
from bayesal.posteriors.last_layers.gaussian_head import GaussianHeadOfAmounts
from bayesal.posteriors.last_layers.trained_noise import dropout_noise


def network(p: float) -> nn.Module:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    return nn.Sequential(nn.Dropout(p), nn.BatchNorm1d(1), layer)


def test_a_number_that_is_dropped_or_doubled_misses_by_itself() -> None:
    x, loss = torch.tensor([[1.0], [2.0], [3.0]]), SquaredLoss(shift=10.0, scale=2.0)
    half = network(0.5).train()
    seen = torch.get_rng_state()
    found = dropout_noise(half, x, 10 + 2 * x[:, 0], loss=loss, generator=Generator().manual_seed(0))
    assert found == pytest.approx(14 / 3, rel=1e-3)
    assert torch.equal(torch.get_rng_state(), seen)
    assert half.training
    assert not half[1].running_mean.any()  # pyright: ignore
    assert dropout_noise(network(0.0), x, x[:, 0], loss=loss, generator=Generator().manual_seed(0)) == 0


def test_last_layers_do_not_believe_in_less_noise_unless_told() -> None:
    x, loss = torch.tensor([[1.0], [2.0], [3.0]]), SquaredLoss(scale=2.0)
    for belief in (LastLayerLaplace, BayesianLastLayer):

        def fit(noise: float | None, belief: type[LastLayerLaplace | BayesianLastLayer] = belief) -> float:
            generator = Generator().manual_seed(0)
            found = belief.fit(network(0.2), x, 2 * x[:, 0], loss=loss, generator=generator, noise=noise)
            assert isinstance(found, GaussianHeadOfAmounts)
            return found.noise

        assert fit(None) > 4 * 0.5  # x² p / (1 - p) on average is 14 / 12
        assert fit(0.01) == pytest.approx(0.01)
