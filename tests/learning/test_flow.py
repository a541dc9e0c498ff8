"""Densities that are learned: against densities that are known, with few and equal rows, and what is left alone."""

from dataclasses import replace

import numpy as np
import pyro
import pytest
import torch
from scipy.stats import multivariate_normal, norm, spearmanr
from sklearn.metrics import roc_auc_score
from torch import Generator, Tensor

from bayesal.learning import NormalisingFlow
from bayesal.learning.flow import TRAINING

QUICK = replace(TRAINING, max_epochs=5)
CENTRES = np.array([[-3.0, 0.0], [2.0, 2.0], [1.0, -3.0]])
SPREAD = 0.6


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def normal(n: int, d: int, number: int = 0) -> Tensor:
    return torch.randn(n, d, generator=seed(number), dtype=torch.float64)


def mixture(n: int, number: int) -> Tensor:
    which = torch.randint(3, (n,), generator=seed(number))
    return torch.from_numpy(CENTRES)[which] + SPREAD * normal(n, 2, number)


def true_density(points: Tensor) -> np.ndarray:
    parts = [multivariate_normal(centre, SPREAD**2 * np.eye(2)).pdf(points.numpy()) / 3 for centre in CENTRES]
    return np.log(np.sum(parts, 0) + 1e-300)


def test_a_mixture_is_told_from_what_lies_outside_of_it():
    flow = NormalisingFlow()(mixture(600, 1), seed())
    inside, outside = mixture(500, 2), 12 * torch.rand(500, 2, generator=seed(3), dtype=torch.float64) - 6
    outside = outside[torch.from_numpy(true_density(outside)) < -8]  # what uniform points have in the mixture is in it
    found = flow.log_density(inside).numpy()
    assert spearmanr(found, true_density(inside)).statistic > 0.8
    beyond = flow.log_density(outside).numpy()
    truth = np.repeat([1, 0], [len(found), len(beyond)])
    assert roc_auc_score(truth, np.concatenate([found, beyond])) > 0.95
    gaussian = multivariate_normal(np.zeros(2), np.cov(inside.numpy().T)).logpdf(inside.numpy())
    assert found.mean() > gaussian.mean() + 0.8


def test_without_layers_it_is_the_gaussian_of_the_rows():
    rows = normal(400, 3) @ normal(3, 3, 1) + torch.tensor([5.0, -100.0, 0.0])
    points = normal(20, 3, 2) * 4
    found = NormalisingFlow(0)(rows, seed()).log_density(points)
    gaussian = multivariate_normal(rows.numpy().mean(0), np.cov(rows.numpy().T, bias=True))
    np.testing.assert_allclose(found.numpy(), gaussian.logpdf(points.numpy()), rtol=1e-9)


def test_one_affine_layer_finds_a_gaussian_in_one_dimension():
    rows = 5 + 3 * normal(200_000, 1)
    at = torch.linspace(-4, 14, 30, dtype=torch.float64)
    found = NormalisingFlow(0)(rows, seed()).log_density(at[:, None])
    np.testing.assert_allclose(found.numpy(), norm(5, 3).logpdf(at.numpy()), atol=1e-2)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_density_integrates_to_one(width: int):
    rows = normal(60, width).abs() ** 1.5
    flow = NormalisingFlow(num_layers=4, training=replace(TRAINING, max_epochs=15))(rows, seed())
    proposal = torch.distributions.Normal(rows.mean(0), 3 * rows.std(0))
    drawn = proposal.mean + proposal.stddev * normal(40_000, width, 5)
    weights = (flow.log_density(drawn) - proposal.log_prob(drawn).sum(1)).exp()
    assert abs(float(weights.mean()) - 1) < 5 * float(weights.std()) / 200 + 1e-3


@pytest.mark.parametrize(("count", "width"), [(2, 1), (3, 1), (5, 1), (5, 4), (12, 8)])
def test_few_rows_give_finite_numbers(count: int, width: int):
    rows = normal(count, width)
    flow = NormalisingFlow()(rows, seed())
    assert bool(flow.log_density(torch.cat([rows, 1e3 * rows])).isfinite().all())


def test_rows_may_come_many_times():
    flow = NormalisingFlow()(normal(4, 2).repeat(5, 1), seed())
    assert bool(flow.log_density(normal(50, 2, 1)).isfinite().all())


def test_the_generator_is_all_the_randomness_and_pyro_is_left_alone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    points = normal(9, 2, 4)
    found = [NormalisingFlow(2, training=QUICK)(normal(40, 2), seed(7)).log_density(points) for _ in range(2)]
    other = NormalisingFlow(2, training=QUICK)(normal(40, 2), seed(8)).log_density(points)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
    assert not torch.equal(found[0], other)
    assert torch.equal(before, torch.get_rng_state())
    assert not list(pyro.get_param_store())


def test_a_row_means_the_same_among_others_and_in_single_precision():
    flow = NormalisingFlow(2, training=QUICK)(normal(40, 3), seed())
    points = normal(9, 3, 4).float()
    together = flow.log_density(points)
    alone = torch.cat([flow.log_density(point) for point in points.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)
    assert flow.log_density(points[:0]).shape == (0,)


def test_the_unit_of_a_feature_moves_the_density_by_a_constant():
    unit = torch.tensor([1e-3, 1e4], dtype=torch.float64)
    one, other = (NormalisingFlow(2, training=QUICK)(normal(40, 2) * u, seed()) for u in (torch.ones(2).double(), unit))
    points = normal(9, 2, 4)
    moved = one.log_density(points) - other.log_density(points * unit)
    torch.testing.assert_close(moved, unit.log().sum().expand(9), rtol=1e-5, atol=1e-5)


def test_what_has_no_density_gets_a_sentence():
    with pytest.raises(ValueError, match="singular"):
        NormalisingFlow()(normal(3, 5), seed())
    with pytest.raises(ValueError, match="singular"):
        NormalisingFlow()(torch.ones(30, 2), seed())
    with pytest.raises(ValueError, match="singular"):
        NormalisingFlow()(normal(30, 1).repeat(1, 2), seed())
    with pytest.raises(ValueError, match="two points"):
        NormalisingFlow()(normal(1, 2), seed())
    with pytest.raises(ValueError, match="finite"):
        NormalisingFlow()(normal(5, 2) * torch.nan, seed())
    with pytest.raises(ValueError, match="features L D"):
        NormalisingFlow()(normal(5, 2)[:, 0], seed())
    with pytest.raises(ValueError, match="at least 0 layers"):
        NormalisingFlow(-1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        NormalisingFlow(held_out=1.0)
