"""Paths: kernels against GPyTorch's, the law of draws against the closed form, one function over chunks and calls."""

import math
import pickle

import gpytorch
import pytest
import torch
from torch import Generator

from bayesal.posteriors.processes.cholesky import cholesky
from bayesal.posteriors.processes.kernels import Stationary
from bayesal.posteriors.processes.paths import draw_paths

INPUTS = torch.tensor([[0.0, 0.3], [1.0, -0.5], [1.2, 0.4], [-0.7, 0.1]], dtype=torch.float64)
POINTS = torch.tensor([[0.5, 0.0], [2.0, 1.0], [0.0, 0.3], [-3.0, 2.0], [0.6, 0.1]], dtype=torch.float64)
TARGETS = torch.tensor([[1.0, -1.0, 0.3, 0.5], [0.0, 2.0, 1.0, -1.0]], dtype=torch.float64)
NOISE = torch.tensor([[0.1, 0.2, 0.1, 0.05], [0.01, 0.3, 0.1, 0.2]], dtype=torch.float64)


def kernel(smoothness: float) -> Stationary:
    lengths = torch.tensor([[1.0, 2.0], [0.5, math.inf]], dtype=torch.float64)
    return Stationary(lengths, torch.tensor([1.5, 0.7], dtype=torch.float64), smoothness)


def peer(smoothness: float) -> list[gpytorch.kernels.Kernel]:
    kinds = []
    for lengths, amplitude, dims in ((torch.tensor([[1.0, 2.0]]), 1.5, (0, 1)), (torch.tensor([[0.5]]), 0.7, (0,))):
        settings = {"ard_num_dims": len(dims), "active_dims": dims}
        one = (
            gpytorch.kernels.RBFKernel(**settings)
            if smoothness == math.inf
            else gpytorch.kernels.MaternKernel(nu=smoothness, **settings)
        )
        both = gpytorch.kernels.ScaleKernel(one).double()
        one.lengthscale, both.outputscale = lengths.double(), amplitude
        kinds.append(both)
    return kinds


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 2.5, math.inf])
def test_a_kernel_is_gpytorchs_and_an_infinite_length_leaves_its_dimension_out(smoothness: float):
    ours = kernel(smoothness)(POINTS, INPUTS)
    for b, theirs in enumerate(peer(smoothness)):
        torch.testing.assert_close(ours[b], theirs(POINTS, INPUTS).to_dense().detach(), rtol=0, atol=1e-7)


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 2.5, math.inf])
def test_the_law_of_paths_is_the_closed_form_of_the_posterior(smoothness: float):
    stationary, k = kernel(smoothness), 2000
    paths = draw_paths(stationary, INPUTS, TARGETS, NOISE, k, generator=Generator().manual_seed(0))
    drawn = paths(POINTS)
    for b, theirs in enumerate(peer(smoothness)):
        known = theirs(INPUTS).to_dense().detach() + NOISE[b].diag()
        beside = theirs(POINTS, INPUTS).to_dense().detach()
        mean = beside @ torch.linalg.solve(known, TARGETS[b])
        covariance = theirs(POINTS).to_dense().detach() - beside @ torch.linalg.solve(known, beside.T)
        errors = (drawn[b].mean(1) - mean).abs() / (covariance.diagonal() / k).sqrt()
        assert errors.max() < 4
        assert ((drawn[b].cov() - covariance).abs() / standard_errors(covariance, k)).max() < 4


def standard_errors(covariance: torch.Tensor, k: int) -> torch.Tensor:
    """Of a covariance estimated from K draws of normals: entry ij varies by (c_ii c_jj + c_ij²) / K."""
    variances = covariance.diagonal()
    return ((variances.outer(variances) + covariance.square()) / k).sqrt()


@pytest.mark.parametrize("smoothness", [0.5, 1.5, 2.5, math.inf])
def test_frequencies_stand_for_the_kernel(smoothness: float):
    stationary = kernel(smoothness)
    angles = POINTS @ stationary.frequencies(2048, generator=Generator().manual_seed(0))
    waves = torch.cat([angles.cos(), angles.sin()], dim=-1) / 2048**0.5
    error = waves @ waves.mT - stationary(POINTS, POINTS) / stationary.amplitude[:, None, None]
    assert error.abs().max() < (0.005 if smoothness == math.inf else 0.02)


def test_paths_are_functions():
    paths = draw_paths(kernel(2.5), INPUTS, TARGETS, NOISE, 7, generator=Generator().manual_seed(0))
    whole = paths(POINTS)
    torch.testing.assert_close(torch.cat([paths(point[None]) for point in POINTS], 1), whole, rtol=0, atol=1e-12)
    torch.testing.assert_close(pickle.loads(pickle.dumps(paths))(POINTS), whole, rtol=0, atol=0)
    again = draw_paths(kernel(2.5), INPUTS, TARGETS, NOISE, 7, generator=Generator().manual_seed(0))
    torch.testing.assert_close(again(POINTS), whole, rtol=0, atol=0)
    assert paths(POINTS[:0]).shape == (2, 0, 7)


def test_nothing_known_leaves_the_prior():
    nothing = torch.zeros(2, 0, dtype=torch.float64)
    paths = draw_paths(kernel(1.5), INPUTS[:0], nothing, nothing, 2000, generator=Generator().manual_seed(0))
    for drawn, expected in zip(paths(POINTS), kernel(1.5)(POINTS, POINTS), strict=True):
        assert ((drawn.cov() - expected).abs() / standard_errors(expected, 2000)).max() < 4
        assert (drawn.mean(1).abs() / (expected.diagonal() / 2000).sqrt()).max() < 4


def test_frequencies_of_very_wide_points():
    wide = Stationary(torch.full((1, 6_000), 100.0), torch.ones(1))
    frequencies = wide.frequencies(4, generator=Generator().manual_seed(0))
    assert frequencies.shape == (1, 6_000, 4)
    assert frequencies.std().item() == pytest.approx(0.01, rel=0.05)


def test_jitter_grows_until_a_factor_exists_and_then_says_so():
    singular = torch.ones(1, 3, 3, dtype=torch.float64)
    factor = cholesky(singular - 1e-7 * torch.eye(3, dtype=torch.float64))
    assert (factor @ factor.mT - singular).abs().max() < 1e-5
    with pytest.raises(ValueError, match="not positive definite even with"):
        cholesky(singular - 0.1 * torch.eye(3, dtype=torch.float64))
    with pytest.raises(ValueError, match="NaN or infinite"):
        cholesky(singular * torch.nan)
    with pytest.raises(ValueError, match="smoothness"):
        Stationary(torch.ones(1, 2), torch.ones(1), 3.5)
