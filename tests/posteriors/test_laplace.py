"""The Laplace approximation of the last layer: worked numbers, closed forms that share no code, and joint draws."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Independent, Normal

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
from bayesal.learning.losses import Loss
from bayesal.likelihoods import bernoulli
from bayesal.networks import MLP, soft_spectral_norm
from bayesal.posteriors import LastLayerLaplace
from bayesal.posteriors.last_layers.curvature import Diagonal, Full
from bayesal.posteriors.last_layers.gaussian_head import GaussianHeadOfAmounts
from bayesal.posteriors.last_layers.head import Head
from bayesal.posteriors.last_layers.laplace_classes import ClassBelief
from bayesal.testing import check_posterior


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def linear(inputs: int, outputs: int = 1, *, bias: bool = True, number: int = 0) -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=bias, dtype=torch.float64)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=seed(number), dtype=torch.float64))
    return layer


def covariance(laplace: LastLayerLaplace) -> Tensor:
    """Of all weights, ``P P``, from the root alone."""
    size = laplace.weights.numel()
    root = laplace.root.deviations(torch.eye(size, dtype=torch.float64).reshape(size, *laplace.weights.shape))
    return root.flatten(1).mT @ root.flatten(1)


X = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
Y = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
THERE = torch.tensor([[1.0, 3.0], [1.0, -1.0]], dtype=torch.float64)


@pytest.mark.parametrize("structure", ["auto", "full", "kronecker"])
def test_linear_regression_is_exact_to_the_cards_numbers(structure: Any) -> None:
    laplace = LastLayerLaplace.fit(
        linear(2, bias=False),
        X,
        Y,
        loss=SquaredLoss(),
        generator=seed(),
        structure=structure,
        precision=1.0,
        noise=0.25,
        refine=True,
    )
    assert isinstance(laplace, GaussianHeadOfAmounts)
    near = {"rtol": 0, "atol": 6e-7}
    expected = torch.tensor([[1.023256, 0.558140]], dtype=torch.float64)
    torch.testing.assert_close(laplace.weights, expected, **near)
    expected = torch.tensor([[0.162791, -0.093023], [-0.093023, 0.100775]], dtype=torch.float64)
    torch.testing.assert_close(covariance(laplace), expected, **near)
    torch.testing.assert_close(laplace.mean(THERE), torch.tensor([2.697674, 0.465116], dtype=torch.float64), **near)
    expected = torch.tensor([[0.511628, -0.325581], [-0.325581, 0.449612]], dtype=torch.float64)
    torch.testing.assert_close(laplace.covariance(THERE, THERE), expected, **near)
    torch.testing.assert_close(laplace.variance(THERE), expected.diagonal(), **near)
    assert laplace.noise == 0.25
    alone = laplace.marginal(THERE)
    assert isinstance(alone, Normal)
    torch.testing.assert_close(alone.variance, expected.diagonal() + 0.25, **near)


def test_one_weight_of_logistic_regression_is_the_cards() -> None:
    network = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)
    laplace = LastLayerLaplace.fit(
        network, one, one, loss=BinaryCrossEntropy(), generator=seed(), precision=1.0, structure="full", refine=True
    )
    assert float(laplace.weights) == pytest.approx(0.401058, abs=6e-7)
    assert float(covariance(laplace)) == pytest.approx(0.806315, abs=6e-7)


def test_the_probit_approximation_of_a_sigmoid_is_the_cards() -> None:
    head, _ = Head.split(nn.Linear(1, 1, bias=False, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64))
    one = torch.ones(1, 1, dtype=torch.float64)
    prior = LastLayerLaplace(head, one / math.sqrt(2), Diagonal(one), bernoulli)
    point = torch.full((1, 1), math.sqrt(2), dtype=torch.float64)  # the mean of f is 1 there, the variance 2
    assert float(prior.marginal(point).mean) == pytest.approx(0.678829, abs=6e-7)
    exact = quad(lambda f: math.exp(-((f - 1) ** 2) / 4) / math.sqrt(4 * math.pi) / (1 + math.exp(-f)), -30, 30)[0]
    assert exact == pytest.approx(0.675057, abs=6e-7)
    drawn = prior.draw(40_000, generator=seed())(point).mean
    assert float(drawn.mean()) == pytest.approx(exact, abs=4 * float(drawn.std()) / 200)


CASES: dict[str, tuple[Loss, int, Callable[[int], Tensor]]] = {
    "classes": (CrossEntropy(), 3, lambda n: torch.arange(n) % 3),
    "several labels": (
        BinaryCrossEntropy(),
        3,
        lambda n: (torch.rand(n, 3, generator=seed(5), dtype=torch.float64) > 0.4).double(),
    ),
    "amounts": (
        SquaredLoss(shift=50.0, scale=10.0),
        1,
        lambda n: 50 + 10 * torch.randn(n, generator=seed(5), dtype=torch.float64),
    ),
}


def fitted(kind: str, n: int = 20, **settings: Any) -> tuple[LastLayerLaplace, Tensor, Tensor]:
    loss, outputs, labels = CASES[kind]
    x = torch.randn(n, 4, generator=seed(1), dtype=torch.float64)
    return (
        LastLayerLaplace.fit(
            linear(4, outputs), x, labels(n), loss=loss, generator=seed(), **{"refine": True, **settings}
        ),
        x,
        labels(n),
    )


def hessian(kind: str, laplace: LastLayerLaplace, x: Tensor, labels: Tensor, precision: float) -> Tensor:
    """Of the summed loss and the prior, by automatic differentiation; of a linear model it is the Gauss-Newton one."""
    loss, outputs, _ = CASES[kind]
    if isinstance(laplace, GaussianHeadOfAmounts) and isinstance(loss, SquaredLoss):
        loss = SquaredLoss(loss.shift, loss.scale, laplace.noise / loss.scale**2)
    rows = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)

    def objective(weights: Tensor) -> Tensor:
        weights = weights.reshape(outputs, 5)
        return loss(rows @ weights.mT, labels).sum() + precision / 2 * weights.square().sum()

    at = laplace.weights.flatten()
    slope = torch.func.grad(objective)(at)
    torch.testing.assert_close(
        slope, torch.zeros_like(slope), rtol=0, atol=1e-5 * (1 + precision)
    )  # the head is the most probable one
    return torch.func.hessian(objective)(at)  # pyright: ignore


@pytest.mark.parametrize("kind", CASES)
def test_the_covariance_is_the_inverse_hessian_at_the_most_probable_head(kind: str) -> None:
    laplace, x, labels = fitted(kind, precision=0.7, structure="full")
    expected = hessian(kind, laplace, x, labels, 0.7)
    torch.testing.assert_close(covariance(laplace), expected.inverse(), rtol=1e-6, atol=1e-9)
    diagonal, x, labels = fitted(kind, precision=0.7, structure="diagonal")
    torch.testing.assert_close(covariance(diagonal), (1 / expected.diagonal()).diag(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("kind", CASES)
def test_kronecker_is_full_for_one_example(kind: str) -> None:
    settings = {"precision": 0.3, "noise": 2.0} if kind == "amounts" else {"precision": 0.3}
    full, kron = (covariance(fitted(kind, 1, structure=s, **settings)[0]) for s in ("full", "kronecker"))
    torch.testing.assert_close(kron, full, rtol=1e-8, atol=1e-10)


def test_kronecker_is_the_mean_curvature_times_the_moments_of_the_inputs() -> None:
    laplace, x, _ = fitted("classes", precision=0.3, structure="kronecker")
    rows = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
    p = (rows @ laplace.weights.mT).softmax(-1)
    g = torch.stack([torch.diag(row) - torch.outer(row, row) for row in p]).mean(0)
    expected = torch.kron(g, rows.mT @ rows) + 0.3 * torch.eye(15, dtype=x.dtype)
    torch.testing.assert_close(covariance(laplace), expected.inverse())


@pytest.mark.parametrize("structure", ["full", "kronecker", "diagonal"])
@pytest.mark.parametrize("kind", CASES)
def test_roots_and_projections_are_transposes_and_drawn_heads_have_the_covariance(kind: str, structure: Any) -> None:
    laplace, _, _ = fitted(kind, precision=0.5, structure=structure)
    p = laplace.weights.numel()
    basis = torch.eye(p, dtype=torch.float64).reshape(p, *laplace.weights.shape)
    root, transposed = laplace.root.deviations(basis).flatten(1), laplace.root.project(basis).flatten(1)
    torch.testing.assert_close(root, transposed.mT)
    drawn = laplace.draw(20_000, generator=seed()).states
    weights = torch.cat([drawn["head.weight"], drawn["head.bias"][..., None]], -1).flatten(1)
    expected, scale = covariance(laplace), covariance(laplace).diagonal().sqrt()
    off = (torch.cov(weights.mT) - expected) / scale.outer(scale)
    assert off.abs().max() < 5 * math.sqrt(2 / 20_000)
    assert ((weights.mean(0) - laplace.weights.flatten()) / scale).abs().max() < 5 / math.sqrt(20_000)


@pytest.mark.parametrize("kind", CASES)
def test_the_functions_are_joint_over_points_unlike_one_noise_for_all(kind: str) -> None:
    """laplace-torch's "glm" samples share one noise vector over all points: a correlation of 1 between any two."""
    laplace, _, _ = fitted(kind, precision=0.5)
    there = torch.randn(6, 4, generator=seed(9), dtype=torch.float64)
    rows = torch.cat([there, torch.ones(6, 1, dtype=there.dtype)], 1)
    blocks = covariance(laplace).reshape(len(laplace.weights), 5, len(laplace.weights), 5)
    expected = rows @ blocks[0, :, 0] @ rows.mT
    predictions = laplace.draw(20_000, generator=seed())
    network, states = predictions.network, predictions.states
    outputs = there @ states["head.weight"][:, 0].mT + states["head.bias"][:, 0]
    scale = expected.diagonal().sqrt()
    correlation = expected / scale.outer(scale)
    seen = torch.corrcoef(outputs)
    assert correlation.min() < 0.9
    assert (seen - correlation).abs().max() < 5 / math.sqrt(20_000)
    broadcast = (there @ laplace.weights[0, :4])[:, None] + scale[:, None] * torch.randn(1, 500, generator=seed())
    assert torch.corrcoef(broadcast).min() > 0.9999  # what ours must not be
    assert not network.training


@pytest.mark.parametrize("kind", ["classes", "several labels"])
def test_a_marginal_is_close_to_the_mean_over_draws(kind: str) -> None:
    laplace, _, _ = fitted(kind, precision=2.0)
    there = torch.randn(6, 4, generator=seed(9), dtype=torch.float64)
    drawn, alone = laplace.draw(4000, generator=seed())(there), laplace.marginal(there)
    probs = drawn.probs if isinstance(drawn, Categorical) else drawn.mean
    expected = alone.probs if isinstance(alone, Categorical) else alone.mean
    torch.testing.assert_close(probs.mean(1), expected, rtol=0, atol=0.03)


def test_moments_are_those_of_the_draws_in_the_labels_units() -> None:
    laplace, x, _ = fitted("amounts", precision=2.0)
    assert isinstance(laplace, GaussianHeadOfAmounts)
    drawn = laplace.draw(20_000, generator=seed())(x[:5])
    assert isinstance(drawn, Normal)
    standard_error = (laplace.variance(x[:5]) / 20_000).sqrt()
    assert ((drawn.mean.mean(1) - laplace.mean(x[:5])) / standard_error).abs().max() < 4
    scale = laplace.variance(x[:5]).sqrt()
    off = (torch.cov(drawn.mean) - laplace.covariance(x[:5], x[:5])) / scale.outer(scale)
    assert off.abs().max() < 5 * math.sqrt(2 / 20_000)
    torch.testing.assert_close(drawn.variance, torch.full_like(drawn.mean, laplace.noise))
    assert 20 < laplace.mean(x[:5]).mean() < 80


def test_a_prior_of_no_width_gives_the_network_itself() -> None:
    network = linear(4, 3)
    x = torch.randn(20, 4, generator=seed(1), dtype=torch.float64)
    with pytest.warns(UserWarning, match="not near the most probable one: .* standard deviations away"):
        laplace = LastLayerLaplace.fit(
            network, x, torch.arange(20) % 3, loss=CrossEntropy(), generator=seed(), precision=1e16, refine=False
        )
    drawn = laplace.draw(5, generator=seed())(x)
    assert isinstance(drawn, Categorical)
    expected = network(x).log_softmax(-1)[:, None].expand(-1, 5, -1)
    torch.testing.assert_close(drawn.logits, expected.detach(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["classes", "several labels"])
def test_the_precision_of_classes_has_the_largest_laplace_evidence(kind: str) -> None:
    tuned, _, _ = fitted(kind, 40, structure="full", evidence="laplace")

    def evidence(log_precision: float) -> float:
        laplace, x, labels = fitted(kind, 40, precision=math.exp(log_precision), structure="full")
        h = hessian(kind, laplace, x, labels, math.exp(log_precision))
        rows = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], 1)
        fit = -CASES[kind][0](rows @ laplace.weights.mT, labels).sum()
        prior = len(h) * log_precision / 2 - math.exp(log_precision) / 2 * laplace.weights.square().sum()
        return float(fit + prior - torch.logdet(h) / 2)

    grid = np.linspace(-4, 6, 21)
    best = float(grid[int(np.argmax([evidence(at) for at in grid]))])
    closest = min(
        grid, key=lambda at: float((fitted(kind, 40, precision=math.exp(at))[0].weights - tuned.weights).norm())
    )
    assert abs(closest - best) <= 0.5


def test_the_bound_is_below_the_evidence_and_equal_to_it_in_the_gaussian_case() -> None:
    """For one weight the evidence is an integral; far from zero the loss is nearly flat and the bound nearly exact."""
    x, y = torch.tensor([[0.3], [-0.2], [0.1]], dtype=torch.float64), torch.tensor([[1.0], [0.0], [0.0]]).double()
    noise = torch.randn(20_000, 1, 1, generator=seed(), dtype=torch.float64)
    noise = (noise - noise.mean()) / noise.std()
    belief = ClassBelief(x, y, BinaryCrossEntropy(), Full.of, noise, True)

    def exactly(precision: float) -> float:
        width = 12 / math.sqrt(precision)
        scale = math.sqrt(precision / (2 * math.pi))
        fit = lambda w: math.exp(-float(BinaryCrossEntropy()(x * w, y).sum()) - precision * w**2 / 2)  # noqa: E731
        return math.log(quad(fit, -width, width)[0] * scale)

    exact = exactly(1.0)
    weights, root = belief.at(1.0, torch.zeros(1, 1, dtype=torch.float64))
    bound, laplace = belief.bound(1.0, weights, root), belief.laplace_evidence(1.0, weights, root)
    assert bound == pytest.approx(exact, abs=0.005)
    assert laplace == pytest.approx(exact, abs=0.005)
    wide, root = belief.at(0.001, torch.zeros(1, 1, dtype=torch.float64))
    assert belief.bound(0.001, wide, root) < exactly(0.001)


def test_without_refining_precision_and_noise_have_the_largest_evidence_where_the_head_stays() -> None:
    x = torch.randn(60, 4, generator=seed(1), dtype=torch.float64)
    network = linear(4)
    with torch.no_grad():
        y = network(x)[:, 0] + 0.3 * torch.randn(60, generator=seed(2), dtype=torch.float64)
    laplace = LastLayerLaplace.fit(network, x, y, loss=SquaredLoss(), generator=seed(), refine=False)
    assert isinstance(laplace, GaussianHeadOfAmounts)
    assert torch.equal(laplace.weights[0, :4], network.weight[0])
    squares = float((y - network(x)[:, 0].detach()).square().sum())
    assert laplace.noise == pytest.approx(squares / (60 - 5), rel=0.01)  # MacKay: five weights are well determined


TRAINING = Training(max_epochs=3, epoch_size=64, progress=False)


@pytest.fixture(scope="module", params=["classes", "several labels", "amounts"])
def trained(request: pytest.FixtureRequest) -> tuple[nn.Module, Tensor, Tensor, Loss]:
    loss, outputs, labels = CASES[request.param]
    torch.manual_seed(0)
    network, x, y = MLP(4, outputs, hidden=(16,)), torch.randn(24, 4), labels(24)
    y = y if request.param == "classes" else y.float()
    loss = loss.fit(y)
    minimise([network], loss, Examples(x, y), streams=[Streams.of(seed())], training=TRAINING)
    return network, x, y, loss


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("structure", ["full", "kronecker", "diagonal"])
def test_the_laws_of_a_posterior(trained: tuple, structure: Any, dtype: torch.dtype) -> None:
    network, x, y, loss = trained
    laplace = LastLayerLaplace.fit(network.to(dtype), x.to(dtype), y, loss=loss, generator=seed(), structure=structure)
    assert not [finding for finding in check_posterior(laplace, x[:8]) if finding.warning]
    assert laplace.embed(x).shape == (24, 16)
    assert laplace.draw(1, generator=seed())(x[:0]).batch_shape == (0, 1)
    assert laplace.draw(3, generator=seed())(x.to(torch.float16)).batch_shape == (24, 3)
    saved = laplace.state
    assert {"trunk.body.0.weight", "head.weight", "head.bias"} <= set(saved)
    assert any(name.startswith("covariance.") for name in saved)
    network.float()


def test_the_network_is_left_alone_and_training_it_on_changes_nothing(trained: tuple) -> None:
    network, x, y, loss = trained
    before = {name: value.clone() for name, value in network.state_dict().items()}
    laplace = LastLayerLaplace.fit(network, x, y, loss=loss, generator=seed())
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    first = laplace.draw(3, generator=seed())(x).mean if loss is not CASES["classes"][0] else None
    with torch.no_grad():
        network.head.weight.add_(1.0)
    after = laplace.draw(3, generator=seed())(x).mean if first is not None else None
    network.load_state_dict(before)
    if first is not None and after is not None:
        assert torch.equal(first, after)


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize("n", [1, 2])
def test_one_label_and_labels_that_are_all_alike_will_do(kind: str, n: int) -> None:
    loss, outputs, labels = CASES[kind]
    x, y = torch.zeros(n, 4, dtype=torch.float64), labels(1).expand(n, *labels(1).shape[1:])
    laplace = LastLayerLaplace.fit(linear(4, outputs), x, y, loss=loss.fit(y), generator=seed())
    predictions = laplace.draw(4, generator=seed())(torch.randn(3, 4, generator=seed()))
    assert predictions.mean.isfinite().all() if kind != "classes" else predictions.batch_shape == (3, 4)


@pytest.mark.parametrize("kind", CASES)
def test_without_points_it_is_the_prior(kind: str) -> None:
    laplace, _, _ = fitted(kind, 0, precision=4.0)
    assert not laplace.weights.any()
    torch.testing.assert_close(covariance(laplace), torch.eye(laplace.weights.numel(), dtype=torch.float64) / 4)
    predictions = laplace.draw(4, generator=seed())(torch.randn(3, 4, generator=seed()))
    assert predictions.batch_shape == (3, 4)


def test_a_head_that_bounds_its_weight_is_taken_as_it_acts() -> None:
    torch.manual_seed(0)
    network = soft_spectral_norm(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)), 0.1).double().eval()
    x = torch.randn(10, 4, dtype=torch.float64)
    with pytest.warns(UserWarning, match="not near"):
        laplace = LastLayerLaplace.fit(
            network, x, torch.arange(10) % 3, loss=CrossEntropy(), generator=seed(), precision=1e16, refine=False
        )
    drawn = laplace.draw(1, generator=seed())(x)
    assert isinstance(drawn, Categorical)
    torch.testing.assert_close(drawn.logits[:, 0], network(x).detach().log_softmax(-1), rtol=1e-6, atol=1e-6)


def test_auto_is_kronecker_where_full_would_be_large() -> None:
    x = torch.randn(12, 30, generator=seed(1), dtype=torch.float64)
    laplace = LastLayerLaplace.fit(
        linear(30, 100), x, torch.arange(12), loss=CrossEntropy(), generator=seed(), precision=1.0, refine=True
    )
    assert "precisions" in laplace.root.state
    several = (torch.rand(12, 100, generator=seed()) > 0.5).double()
    laplace = LastLayerLaplace.fit(
        linear(30, 100), x, several, loss=BinaryCrossEntropy(), generator=seed(), precision=1.0, refine=True
    )
    assert "precision_factors" in laplace.root.state  # a block of 31 weights a label


def test_what_cannot_be_fitted_is_refused_in_a_sentence() -> None:
    x, y = torch.randn(6, 4, dtype=torch.float64), torch.arange(6) % 3
    fit = LastLayerLaplace.fit
    with pytest.raises(ValueError, match="but the loss is GaussianLoss"):
        fit(linear(4, 2), x, y.double(), loss=GaussianLoss(), generator=seed())
    with pytest.raises(ValueError, match="precision must be positive and finite, but it is 0"):
        fit(linear(4, 3), x, y, loss=CrossEntropy(), generator=seed(), precision=0.0)
    with pytest.raises(ValueError, match="noise must be positive"):
        fit(linear(4, 1), x, y.double(), loss=SquaredLoss(), generator=seed(), noise=-1.0)
    with pytest.raises(ValueError, match="structure must be auto, full, kronecker, diagonal"):
        fit(linear(4, 3), x, y, loss=CrossEntropy(), generator=seed(), structure="kfac")
    with pytest.raises(ValueError, match="evidence must be bound or laplace"):
        fit(linear(4, 3), x, y, loss=CrossEntropy(), generator=seed(), evidence="exact")
    big = torch.randn(2, 3999, dtype=torch.float64)
    with pytest.raises(ValueError, match=r'12000 weights is too large.*structure="kronecker"'):
        fit(linear(3999, 3), big, y[:2], loss=CrossEntropy(), generator=seed(), structure="full", precision=1.0)
    laplace, _, _ = fitted("classes", precision=1.0)
    with pytest.raises(ValueError, match="at least one hypothesis"):
        laplace.draw(0, generator=seed())
    with pytest.raises(ValueError, match="NaN or infinite inputs"):
        laplace.embed(torch.full((2, 4), torch.nan))
    with pytest.raises(ValueError, match="fails on points of shape"):
        laplace.draw(2, generator=seed())(torch.zeros(2, 5))


def test_labels_may_hold_together() -> None:
    laplace, x, _ = fitted("several labels", precision=1.0)
    predictions = laplace.draw(4, generator=seed())(x)
    assert isinstance(predictions, Independent)
    assert (predictions.batch_shape, predictions.event_shape) == ((20, 4), (3,))
