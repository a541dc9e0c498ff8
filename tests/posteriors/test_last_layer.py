"""Bayesian last layers: the card's numbers, exact conditioning against fitting anew, and labels as Dirichlets."""

import math
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, MultivariateNormal, Normal

from bayesal.learning import CrossEntropy, SquaredLoss
from bayesal.networks import MLP
from bayesal.posteriors import BayesianLastLayer, DirichletLastLayer
from bayesal.posteriors.dirichlet_last_layer import dirichlet_targets
from bayesal.testing import check_posterior


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


X = torch.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
Y = torch.tensor([1.0, 2.0, 2.0], dtype=torch.float64)
THERE = torch.tensor([[1.0, 3.0], [1.0, -1.0]], dtype=torch.float64)
PLAIN: dict[str, Any] = {"precision": 1.0, "noise": 0.25, "bias": False, "standardise": False}


def test_linear_regression_has_the_cards_numbers() -> None:
    belief = BayesianLastLayer.on(nn.Identity(), X, Y, **PLAIN)
    near = {"rtol": 0, "atol": 6e-7}
    torch.testing.assert_close(belief.weights, torch.tensor([[1.023256, 0.558140]], dtype=torch.float64), **near)
    expected = torch.tensor([[0.162791, -0.093023], [-0.093023, 0.100775]], dtype=torch.float64)
    torch.testing.assert_close(belief.belief.covariances[0], expected, **near)
    torch.testing.assert_close(belief.mean(THERE), torch.tensor([2.697674, 0.465116], dtype=torch.float64), **near)
    expected = torch.tensor([[0.511628, -0.325581], [-0.325581, 0.449612]], dtype=torch.float64)
    torch.testing.assert_close(belief.covariance(THERE, THERE), expected, **near)
    torch.testing.assert_close(belief.variance(THERE), expected.diagonal(), **near)
    assert belief.information(THERE[:1]) == pytest.approx(0.556999, abs=6e-7)
    assert belief.information(THERE[1:]) == pytest.approx(0.514533, abs=6e-7)
    assert belief.information(THERE) == pytest.approx(0.960623, abs=6e-7)
    assert belief.log_evidence == pytest.approx(-4.177048, abs=6e-7)
    assert belief.noise == 0.25


def made(n: int, number: int = 3) -> tuple[Tensor, Tensor]:
    x = torch.randn(n, 6, generator=seed(number), dtype=torch.float64)
    return x, 100 + 20 * x[:, 0] + 5 * torch.randn(n, generator=seed(number + 1), dtype=torch.float64)


@pytest.mark.parametrize("size", [30, 5, 1])
def test_conditioning_is_fitting_on_everything(size: int) -> None:
    """Against the normal equations, which share no code with either."""
    x, y = made(told := 40)
    belief = BayesianLastLayer.on(nn.Identity(), x[:10], y[:10], precision=0.3, noise=9.0)
    for start in range(10, 40, size):
        belief = belief.condition_on(x[start : start + size], y[start : start + size])
    rows = torch.cat([x[:told], torch.ones(told, 1, dtype=x.dtype)], 1)
    shift, scale = y[:10].mean(), y[:10].std(correction=0)
    precision = 0.3 * torch.eye(7, dtype=x.dtype) + rows.mT @ rows * scale**2 / 9
    mean = torch.linalg.solve(precision, rows.mT @ ((y[:told] - shift) / scale) * scale**2 / 9)
    torch.testing.assert_close(belief.weights[0], mean, rtol=0, atol=1e-10)
    torch.testing.assert_close(belief.belief.covariances[0], precision.inverse(), rtol=0, atol=1e-10)
    spread = 9 * torch.eye(told, dtype=x.dtype) + scale**2 * rows @ rows.mT / 0.3
    evidence = MultivariateNormal(shift.expand(told), spread).log_prob(y[:told])
    assert belief.log_evidence == pytest.approx(float(evidence), abs=1e-9)


def test_information_is_what_conditioning_takes_from_the_entropy() -> None:
    x, y = made(30)
    belief = BayesianLastLayer.on(nn.Identity(), x, y)
    there, answers = made(4, 9)
    before, after = (torch.logdet(b.belief.covariances[0]) for b in (belief, belief.condition_on(there, answers)))
    assert belief.information(there) == pytest.approx(float(before - after) / 2, abs=1e-9)


def test_precision_and_noise_have_the_largest_evidence() -> None:
    x, y = made(40)
    belief = BayesianLastLayer.on(nn.Identity(), x, y)
    shift, scale = float(y.mean()), float(y.std(correction=0))
    rows = torch.cat([x, torch.ones(40, 1, dtype=x.dtype)], 1)

    def evidence(precision: float, noise: float) -> float:
        spread = noise * torch.eye(40, dtype=x.dtype) + rows @ rows.mT / precision
        return float(MultivariateNormal(torch.zeros(40).double(), spread).log_prob((y - shift) / scale))

    found = max((evidence(math.exp(a), math.exp(b)), a, b) for a in torch.linspace(-4, 6, 41).tolist()
                for b in torch.linspace(-6, 1, 29).tolist())  # fmt: skip
    assert belief.log_evidence + 40 * math.log(scale) == pytest.approx(found[0], abs=0.2)
    assert belief.log_evidence + 40 * math.log(scale) >= found[0] - 1e-9
    assert math.log(belief.noise / scale**2) == pytest.approx(found[2], abs=0.3)


def test_functions_are_joint_over_points() -> None:
    x, y = made(30)
    belief = BayesianLastLayer.on(nn.Identity(), x, y)
    there, _ = made(5, 9)
    drawn = belief.draw(20_000, generator=seed())(there)
    assert isinstance(drawn, Normal)
    scale = belief.variance(there).sqrt()
    assert ((drawn.mean.mean(1) - belief.mean(there)) / scale).abs().max() < 4 / math.sqrt(20_000)
    off = (torch.cov(drawn.mean) - belief.covariance(there, there)) / scale.outer(scale)
    assert off.abs().max() < 5 * math.sqrt(2 / 20_000)
    torch.testing.assert_close(belief.covariance(there, there).diagonal(), belief.variance(there))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["amounts", "classes", "plain amounts"])
def test_the_laws_of_a_posterior(kind: str, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x, y = (values.to(dtype) for values in made(24))
    labels = torch.arange(24) % 3
    if kind == "classes":
        belief: Any = DirichletLastLayer.fit(
            MLP(6, 3, hidden=(16,)).to(dtype), x, labels, loss=CrossEntropy(), generator=seed()
        )
    elif kind == "amounts":
        loss = SquaredLoss().fit(y)
        belief = BayesianLastLayer.fit(MLP(6, 1, hidden=(16,)).to(dtype), x, y, loss=loss, generator=seed())
    else:
        belief = BayesianLastLayer.on(nn.Identity(), x, y)
    assert not [finding for finding in check_posterior(belief, x[:8]) if finding.warning]
    assert belief.draw(1, generator=seed())(x[:0]).batch_shape == (0, 1)
    assert belief.embed(x).shape == (24, 6 if kind == "plain amounts" else 16)
    assert {"head.weight", "head.bias", "covariance.roots"} <= set(belief.state)
    more = belief.condition_on(x[:3], labels[:3] if kind == "classes" else y[:3])
    twice = x[:1].expand(2, 6)
    torch.testing.assert_close(*more.draw(4, generator=seed())(twice).mean.nan_to_num() if kind != "classes" else
                               more.draw(4, generator=seed())(twice).probs)  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 3])
def test_few_labels_and_labels_that_are_alike_will_do(n: int) -> None:
    x, y = torch.ones(n, 2, dtype=torch.float64), torch.full((n,), 7.0, dtype=torch.float64)
    belief = BayesianLastLayer.on(nn.Identity(), x, y)
    assert belief.draw(4, generator=seed())(THERE).mean.isfinite().all()
    classes = DirichletLastLayer.on(nn.Identity(), x, torch.ones(n), num_classes=3)
    drawn = classes.draw(2000, generator=seed())(torch.ones(1, 2))
    assert isinstance(drawn, Categorical)
    probs = drawn.probs.mean(1)[0]
    assert probs[1] > 0.6 if n else abs(float(probs[1]) - 1 / 3) < 0.05


def test_a_classs_target_and_noise_are_the_cards() -> None:
    targets, noise = dirichlet_targets(torch.tensor([1, 0]), 3, 0.01)
    expected = torch.tensor([[4.615121, 0.688184, 4.615121], [0.688184, 4.615121, 4.615121]], dtype=torch.float64)
    torch.testing.assert_close(noise, expected, rtol=0, atol=6e-7)
    raw = torch.tensor([[-6.912730, -0.334142, -6.912730], [-0.334142, -6.912730, -6.912730]], dtype=torch.float64)
    torch.testing.assert_close(targets, raw - raw.mean(1, keepdim=True), rtol=0, atol=2e-6)


def test_classes_are_regressions_with_the_noise_of_each_label_and_conditioning_is_exact() -> None:
    x, labels = made(30)[0], torch.arange(30) % 3
    belief = DirichletLastLayer.on(nn.Identity(), x[:12], labels[:12], num_classes=3, precision=0.5)
    for some in range(12, 30, 6):
        belief = belief.condition_on(x[some : some + 6], labels[some : some + 6])
    whole = DirichletLastLayer.on(nn.Identity(), x, labels, num_classes=3, precision=0.5)
    rows = torch.cat([x, torch.ones(30, 1, dtype=x.dtype)], 1)
    own = labels == 1
    noise = torch.where(own, math.log(1 + 1 / 1.01), math.log(101))
    values = torch.where(own, math.log(1.01), math.log(0.01)) - noise / 2
    centre = (math.log(1.01) - math.log(1 + 1 / 1.01) / 2 + 2 * (math.log(0.01) - math.log(101) / 2)) / 3
    precision = 0.5 * torch.eye(7, dtype=x.dtype) + (rows / noise[:, None]).mT @ rows
    mean = torch.linalg.solve(precision, (rows / noise[:, None]).mT @ (values - centre).double())
    for one in (belief, whole):
        torch.testing.assert_close(one.weights[1], mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(belief.weights, whole.weights, rtol=0, atol=1e-10)
    torch.testing.assert_close(belief.belief.covariances, whole.belief.covariances, rtol=0, atol=1e-10)
    assert belief.belief.log_evidence == pytest.approx(whole.belief.log_evidence, abs=1e-9)
    drawn = whole.draw(4000, generator=seed())(x)
    assert isinstance(drawn, Categorical)
    assert (drawn.probs.mean(1) - whole.marginal(x).probs).abs().max() < 0.1  # pyright: ignore


def test_what_cannot_be_fitted_is_refused_in_a_sentence() -> None:
    x, y = made(6)
    with pytest.raises(ValueError, match="trained with SquaredLoss, not CrossEntropy"):
        BayesianLastLayer.fit(nn.Linear(6, 1).double(), x, y, loss=CrossEntropy(), generator=seed())
    with pytest.raises(ValueError, match="trained with CrossEntropy, not SquaredLoss"):
        DirichletLastLayer.fit(nn.Linear(6, 1).double(), x, y, loss=SquaredLoss(), generator=seed())
    with pytest.raises(ValueError, match="noise must be positive"):
        BayesianLastLayer.on(nn.Identity(), x, y, noise=0.0)
    with pytest.raises(ValueError, match="alpha must be positive"):
        DirichletLastLayer.on(nn.Identity(), x, torch.arange(6), num_classes=6, alpha=-1.0)
    with pytest.raises(ValueError, match=r"one of the classes 0 ... 1"):
        DirichletLastLayer.on(nn.Identity(), x, torch.arange(6), num_classes=2)
    belief = BayesianLastLayer.on(nn.Identity(), x, y)
    with pytest.raises(ValueError, match="one finite label: 6 points"):
        belief.condition_on(x, y[:3])
    with pytest.raises(ValueError, match="one finite label"):
        belief.condition_on(x[:1], torch.tensor([torch.nan]))
    with pytest.raises(ValueError, match="at least one hypothesis"):
        belief.draw(0, generator=seed())
    with pytest.raises(ValueError, match="NaN or infinite"):
        belief.mean(torch.full((1, 6), torch.inf))
