"""SNGP: random features against the kernel, its covariance against an exact process and linear regression, its laws."""

import math
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Normal

from bayesal.learning import (
    BinaryCrossEntropy,
    CrossEntropy,
    Examples,
    GaussianLoss,
    SquaredLoss,
    Streams,
    Training,
    minimise,
)
from bayesal.networks import RandomFourierFeatures, ResidualMLP, soft_spectral_norm
from bayesal.posteriors import SNGP
from bayesal.posteriors.last_layers.gaussian_head import GaussianHeadOfAmounts
from bayesal.testing import check_posterior


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def kernel(x: Tensor, z: Tensor, length: float = 1.0) -> Tensor:
    return torch.exp(-torch.cdist(x, z).square() / (2 * length**2))


@pytest.mark.parametrize("length", [1.0, 2.5])
def test_random_features_are_a_kernel_up_to_one_over_the_root_of_their_number(length: float) -> None:
    x = torch.randn(12, 3)
    errors = []
    for count in (256, 4096):
        many = [
            RandomFourierFeatures(3, count, projection=None, normalise=False, length_scale=length)(x) for _ in range(8)
        ]
        errors.append(torch.stack([phi @ phi.mT - kernel(x, x, length) for phi in many]).square().mean().sqrt())
    assert errors[0] < 1 / 16
    assert 2.5 < errors[0] / errors[1] < 6.5


def test_random_features_are_orthogonal_in_blocks_with_the_norms_of_gaussian_rows() -> None:
    weight = RandomFourierFeatures(8, 2000, projection=None, normalise=False).weight
    gram = weight[:8] @ weight[:8].mT
    torch.testing.assert_close(gram, gram.diagonal().diag(), rtol=0, atol=1e-4)
    assert float(weight.square().sum(1).mean()) == pytest.approx(8, rel=0.1)
    assert float(weight.square().sum(1).var()) == pytest.approx(16, rel=0.2)  # that of a chi-squared variable
    assert float(weight.mean().abs()) < 0.05


def test_normalised_features_do_not_see_the_scale_of_their_input() -> None:
    layer = RandomFourierFeatures(20, 64)
    x = torch.randn(5, 20)
    torch.testing.assert_close(layer(x), layer(1000 * x), rtol=1e-3, atol=1e-3)
    assert layer(x).shape == (5, 64)
    assert RandomFourierFeatures(20, 64, scale=2.0)(x).abs().max() <= 0.5
    assert not list(layer.parameters())


def test_the_covariance_is_that_of_an_exact_gaussian_process_up_to_one_over_the_root() -> None:
    x, there = torch.randn(15, 2), torch.randn(8, 2)
    y, ridge, errors = torch.randn(15), 0.2, []
    exact = kernel(there, there) - kernel(there, x) @ torch.linalg.solve(
        kernel(x, x) + ridge * torch.eye(15), kernel(x, there)
    )
    for count in (128, 2048):
        squares = []
        for _ in range(6):
            layer = RandomFourierFeatures(2, count, projection=None, normalise=False)
            network = nn.Sequential(layer, nn.Linear(count, 1, bias=False))
            sngp = SNGP.fit(network, x, y, loss=SquaredLoss(), generator=seed(), ridge=ridge)
            assert isinstance(sngp, GaussianHeadOfAmounts)
            squares.append((sngp.covariance(there, there) - exact).square().mean())
        errors.append(float(torch.stack(squares).mean().sqrt()))
    assert errors[0] < 0.1
    assert 2.5 < errors[0] / errors[1] < 6.5


@pytest.mark.parametrize("ridge", [1.0, 0.3])
def test_with_linear_features_it_is_bayesian_linear_regression(ridge: float) -> None:
    """V = ridge φ (ridge I + ΦᵀΦ)⁻¹ φᵀ: noise 1 and prior variance 1 / ridge for a ridge of 1, in general ridge times
    that, which is the regression with noise ``ridge`` and prior variance 1."""
    x, there = torch.randn(9, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    network = nn.Linear(3, 2, bias=False, dtype=torch.float64)
    labels = torch.arange(9) % 2
    sngp = SNGP.fit(network, x, labels, loss=CrossEntropy(), generator=seed(), ridge=ridge)
    noise_one = there @ torch.linalg.inv(ridge * torch.eye(3) + x.mT @ x) @ there.mT
    spread = torch.eye(9) * ridge + x @ x.mT
    noise_ridge = there @ there.mT - there @ x.mT @ torch.linalg.solve(spread, x @ there.mT)
    torch.testing.assert_close(ridge * noise_one, noise_ridge)
    for own in sngp.output_variance(there).mT:
        torch.testing.assert_close(own, noise_ridge.diagonal())
    drawn = sngp.draw(20_000, generator=seed()).states["head.weight"] - network.weight.detach()
    scale = noise_ridge.diagonal().sqrt()
    for c in range(2):
        off = (torch.cov(there @ drawn[:, c].mT) - noise_ridge) / scale.outer(scale)
        assert off.abs().max() < 5 * math.sqrt(2 / 20_000)
    assert abs(float(torch.corrcoef(torch.einsum("d,kcd->ck", there[0], drawn))[0, 1])) < 0.05


def test_the_softmax_form_weighs_points_by_their_classes_curvature() -> None:
    x = torch.randn(9, 3, dtype=torch.float64)
    network = nn.Linear(3, 3, bias=False, dtype=torch.float64)
    sngp = SNGP.fit(
        network, x, torch.arange(9) % 3, loss=CrossEntropy(), generator=seed(), ridge=0.5, precision="softmax"
    )
    p = network(x).softmax(-1).detach()
    several = SNGP.fit(
        network, x, p.round(), loss=BinaryCrossEntropy(), generator=seed(), ridge=0.5, precision="softmax"
    )
    own = network(x)[:, 0].sigmoid().detach()
    precision = 0.5 * torch.eye(3) + (x * (own * (1 - own))[:, None]).mT @ x
    torch.testing.assert_close(several.output_variance(x)[:, 0], 0.5 * (x @ torch.linalg.inv(precision) * x).sum(1))
    for c in range(3):
        precision = 0.5 * torch.eye(3) + (x * (p[:, c] * (1 - p[:, c]))[:, None]).mT @ x
        expected = 0.5 * (x @ torch.linalg.inv(precision.double()) * x).sum(1)
        torch.testing.assert_close(sngp.output_variance(x)[:, c], expected)


def trained(kind: str, dtype: torch.dtype) -> tuple[nn.Module, Tensor, Tensor, Any]:
    torch.manual_seed(0)
    trunk = soft_spectral_norm(ResidualMLP(4, width=16, depth=1))
    outputs = 3 if kind == "classes" else 1
    network = nn.Sequential(trunk, RandomFourierFeatures(16, 64), nn.Linear(64, outputs)).to(dtype)
    x = torch.randn(24, 4, dtype=dtype)
    y = torch.arange(24) % 3 if kind == "classes" else 50 + 10 * x[:, 0]
    loss = (CrossEntropy() if kind == "classes" else SquaredLoss()).fit(y)
    training = Training(max_epochs=3, epoch_size=64, progress=False)
    minimise([network], loss, Examples(x, y), streams=[Streams.of(seed())], training=training)
    return network, x, y, loss


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["classes", "softmax", "amounts"])
def test_the_laws_of_a_posterior(kind: str, dtype: torch.dtype) -> None:
    form = "softmax" if kind == "softmax" else "gaussian"
    network, x, y, loss = trained("classes" if kind == "softmax" else kind, dtype)
    sngp = SNGP.fit(network, x, y, loss=loss, generator=seed(), precision=form)
    assert not [finding for finding in check_posterior(sngp, x[:8]) if finding.warning]
    assert sngp.draw(1, generator=seed())(x[:0]).batch_shape == (0, 1)
    assert sngp.embed(x).shape == (24, 64)
    assert "covariance.precision_factors" in sngp.state
    drawn, alone = sngp.draw(4000, generator=seed())(x), sngp.marginal(x)
    if kind == "amounts":
        assert isinstance(drawn, Normal)
        assert isinstance(sngp, GaussianHeadOfAmounts)
        error = (sngp.variance(x) / 4000).sqrt()
        assert ((drawn.mean.mean(1) - sngp.mean(x)) / error).abs().max() < 5
        assert 20 < sngp.mean(x).mean() < 80
    else:
        assert isinstance(drawn, Categorical)
        assert isinstance(alone, Categorical)
        torch.testing.assert_close(drawn.probs.mean(1), alone.probs, rtol=0, atol=0.03, check_dtype=False)


def test_far_from_the_labels_it_is_as_wide_as_the_prior() -> None:
    _, x, y, loss = trained("classes", torch.float64)
    features = nn.Sequential(RandomFourierFeatures(4, 1024, projection=None, normalise=False), nn.Linear(1024, 3))
    sngp = SNGP.fit(features.double(), x, y, loss=loss, generator=seed(), ridge=0.1)
    near, far = (sngp.output_variance(sngp.head.rows(points)[0]).mean() for points in (x, x + 50))
    assert near < 0.3 * far
    assert float(far) == pytest.approx(1, abs=0.3)  # of the kernel; the bias is known by then


@pytest.mark.parametrize("n", [0, 1])
def test_without_points_it_is_the_prior_around_the_network(n: int) -> None:
    network = nn.Linear(3, 2, bias=False, dtype=torch.float64)
    x, y = torch.zeros(n, 3, dtype=torch.float64), torch.zeros(n, dtype=torch.int64)
    sngp = SNGP.fit(network, x, y, loss=CrossEntropy(), generator=seed())
    torch.testing.assert_close(sngp.output_variance(torch.eye(3).double()), torch.ones(3, 2, dtype=torch.float64))


def test_what_cannot_be_fitted_is_refused_in_a_sentence() -> None:
    x, network = torch.randn(6, 3), nn.Linear(3, 2)
    with pytest.raises(ValueError, match=r"SNGP takes networks trained with .*, but the loss is GaussianLoss"):
        SNGP.fit(network, x, torch.zeros(6), loss=GaussianLoss(), generator=seed())
    with pytest.raises(ValueError, match="ridge must be positive"):
        SNGP.fit(network, x, torch.zeros(6).long(), loss=CrossEntropy(), generator=seed(), ridge=0.0)
    with pytest.raises(ValueError, match="precision must be gaussian or softmax"):
        SNGP.fit(network, x, torch.zeros(6).long(), loss=CrossEntropy(), generator=seed(), precision="exact")
    with pytest.raises(ValueError, match="at least one hypothesis"):
        SNGP.fit(network, x, torch.zeros(6).long(), loss=CrossEntropy(), generator=seed()).draw(0, generator=seed())
