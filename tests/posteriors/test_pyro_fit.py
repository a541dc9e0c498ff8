"""What SVI and NUTS learn of a model whose posterior is known in closed form, and what they leave alone."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer.autoguide import (
    AutoDelta,
    AutoLaplaceApproximation,
    AutoMultivariateNormal,
    AutoNormal,
)
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.learning import Fitted
from bayesal.posteriors import PyroPosterior, fit_nuts, fit_svi
from bayesal.posteriors.pyro_models.nuts import agreement, warn_of
from bayesal.recipe import recipe
from bayesal.testing import check_posterior

NOISE = 0.5
F64 = torch.float64


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def regression(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(x @ w, NOISE), obs=y)


def correlated(n: int = 40) -> Tensor:
    """Inputs whose first two columns go together, so that their weights are anticorrelated in the posterior."""
    x = torch.randn(n, 3, generator=seed(), dtype=F64)
    x[:, 1] = 0.8 * x[:, 0] + 0.6 * x[:, 1]
    return x


X = correlated()
Y = X @ torch.tensor([1.0, -2.0, 0.5], dtype=F64) + NOISE * torch.randn(40, generator=seed(1), dtype=F64)
COVARIANCE = torch.linalg.inv(torch.eye(3, dtype=F64) + X.T @ X / NOISE**2)
MEAN = COVARIANCE @ X.T @ Y / NOISE**2
OTHERS = torch.tensor([[1.0, -1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]], dtype=F64)

FITS: dict[str, Callable[..., PyroPosterior]] = {
    "independent": partial(fit_svi, guide=AutoNormal, num_steps=400, learning_rate=0.05),
    "full": partial(fit_svi, guide=AutoMultivariateNormal, num_steps=1200, learning_rate=0.03),
    "laplace": partial(fit_svi, guide=AutoLaplaceApproximation, num_steps=400),
    "nuts": partial(fit_nuts, num_samples=120, warmup=50, num_chains=2, max_tree_depth=3),
}


@pytest.fixture(scope="module")
def fitted() -> dict[str, PyroPosterior]:
    return {name: fit(regression, X, Y, generator=seed(), dtype=F64) for name, fit in FITS.items()}


def values(posterior: PyroPosterior, x: Tensor, count: int = 2000) -> Tensor:
    """Function values K N."""
    return posterior.draw(count, generator=seed(5))(x).mean.T


@pytest.mark.parametrize("name", FITS)
def test_the_mean_is_that_of_the_conjugate_posterior(fitted: dict[str, PyroPosterior], name: str) -> None:
    spread = (X @ COVARIANCE @ X.T).diagonal().sqrt()
    error = (values(fitted[name], X).mean(0) - X @ MEAN) / spread
    assert error.abs().max() < 0.5


@pytest.mark.parametrize(("name", "within"), [("full", 0.25), ("laplace", 0.1), ("nuts", 0.35)])
def test_the_covariance_between_points_is_that_of_the_conjugate_posterior(
    fitted: dict[str, PyroPosterior], name: str, within: float
) -> None:
    exact = OTHERS @ COVARIANCE @ OTHERS.T
    seen = torch.cov(values(fitted[name], OTHERS).T)
    assert float((seen - exact).norm() / exact.norm()) < within


def test_independent_normals_miss_the_covariance_of_the_weights(fitted: dict[str, PyroPosterior]) -> None:
    """The widths are those of one weight given the others, so directions in which weights trade off are too narrow."""
    weights = values(fitted["independent"], torch.eye(3, dtype=F64))
    given_others = 1 / torch.linalg.inv(COVARIANCE).diagonal().sqrt()
    assert ((weights.std(0) / given_others - 1).abs() < 0.15).all()
    assert weights.std(0)[0] < 0.75 * COVARIANCE[0, 0].sqrt()
    seen = torch.cov(values(fitted["independent"], OTHERS).T)
    exact = OTHERS @ COVARIANCE @ OTHERS.T
    assert float((seen - exact).norm() / exact.norm()) > 0.25


def test_nuts_has_the_widths_of_the_posterior_and_says_how_it_went(fitted: dict[str, PyroPosterior]) -> None:
    ratio = values(fitted["nuts"], torch.eye(3, dtype=F64)).std(0) / COVARIANCE.diagonal().sqrt()
    assert ((ratio - 1).abs() < 0.25).all()
    assert fitted["nuts"].diagnostics["r_hat"] < 1.1
    assert fitted["nuts"].diagnostics["divergences"] == 0


@pytest.mark.parametrize("name", FITS)
def test_every_fit_keeps_the_laws(fitted: dict[str, PyroPosterior], name: str) -> None:
    for inputs in (X, X.float()):
        assert not [finding for finding in check_posterior(fitted[name], inputs[:8]) if finding.warning]
    assert values(fitted[name], X, 3).dtype == F64
    assert all(value.dtype == F64 for value in fitted[name].state.values())


def test_a_label_a_single_point_and_constant_labels_are_learned() -> None:
    for n in (1, 5):
        posterior = fit_svi(regression, X[:n].float(), torch.ones(n), generator=seed(), num_steps=5)
        assert posterior.draw(2, generator=seed())(X[:3].float()).batch_shape == (3, 2)
    posterior = fit_nuts(
        regression, X[:1].float(), torch.ones(1), generator=seed(), num_samples=4, warmup=2, num_chains=1
    )
    assert posterior.draw(9, generator=seed())(X[:3].float()).batch_shape == (3, 4)


def exploding(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(x @ w, (x @ w - x @ w).log().exp() * torch.nan), obs=y)


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("fit", [fit_svi, fit_nuts])
def test_pyros_store_and_the_generators_are_as_before(fit: Callable[..., Any], fails: bool) -> None:
    pyro.clear_param_store()
    mine = pyro.param("AutoNormal.locs.w", torch.tensor([3.0]))
    before, random, floats = (
        dict(pyro.get_param_store().named_parameters()),
        torch.get_rng_state(),
        torch.get_default_dtype(),
    )
    settings: dict[str, Any] = {"num_steps": 3} if fit is fit_svi else {"num_samples": 4, "warmup": 2, "num_chains": 1}
    if fails:
        with pytest.raises(ValueError, match=r".") as found:
            fit(exploding, X, Y, generator=seed(), dtype=F64, **settings)
        assert "store" not in str(found.value)
    else:
        fit(regression, X, Y, generator=seed(), dtype=F64, **settings)
    assert dict(pyro.get_param_store().named_parameters()) == before
    assert torch.equal(pyro.param("AutoNormal.locs.w"), mine)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_default_dtype() == floats
    pyro.clear_param_store()


def test_the_same_seed_learns_the_same() -> None:
    one, same, other = (
        fit_svi(regression, X.float(), Y.float(), generator=seed(s), num_steps=5).state for s in (0, 0, 1)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_any_model_is_learned_from_a_pool_on_the_scale_of_its_inputs() -> None:
    pool = Pool.of(1000 * X + 5, labels={i: float(Y[i]) for i in range(40)})
    learner = Fitted(partial(fit_svi, regression, num_steps=300))
    assert "num_steps=300" in recipe(learner)
    posterior = learner(pool, seed())
    seen = posterior.draw(50, generator=seed())(pool.gather(pool.ids)).mean.mean(1)
    assert float((seen - Y).square().mean().sqrt()) < 0.75 * float(Y.std())


def halves(x: Tensor, y: Tensor | None = None, *, total: int = 40) -> Tensor:
    w = pyro.sample("w", dist.Normal(torch.zeros(3), 1.0).to_event(1))
    with pyro.plate("data", total if y is not None else len(x), subsample=x):
        return pyro.sample("obs", dist.Normal(x @ w, NOISE), obs=y)


def test_minibatches_of_a_plate_that_scales_give_the_same_widths() -> None:
    posterior = fit_svi(halves, X, Y, generator=seed(), dtype=F64, num_steps=400, batch_size=10)
    weights = values(posterior, torch.eye(3, dtype=F64))
    given_others = 1 / torch.linalg.inv(COVARIANCE).diagonal().sqrt()
    assert ((weights.std(0) / given_others - 1).abs() < 0.25).all()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"num_steps": 0}, "num_steps must be at least 1"),
        ({"annealing": 1.0}, "share of steps"),
        ({"kl_weight": 0.0}, "kl_weight must be positive"),
        ({"guide": AutoDelta, "num_steps": 2}, "same values at every run"),
        ({"labels": Y[:3]}, "every point needs a label"),
        ({"labels": Y / 0}, "finite"),
    ],
)
def test_what_cannot_be_learned_is_refused(settings: dict[str, Any], sentence: str) -> None:
    given = {"inputs": X, "labels": Y, "generator": seed(), "dtype": F64, **settings}
    with pytest.raises(ValueError, match=sentence):
        fit_svi(regression, given.pop("inputs"), given.pop("labels"), **given)


def test_chains_too_short_to_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="num_samples must be at least 4"):
        fit_nuts(regression, X, Y, generator=seed(), dtype=F64, num_samples=3)


def wide(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(torch.zeros(1001), 1.0).to_event(1))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(w[:3] @ x.T, NOISE), obs=y)


def test_a_full_covariance_of_too_many_latents_is_refused() -> None:
    with pytest.raises(ValueError, match="covariance of 1001 latents"):
        fit_svi(wide, X, Y, generator=seed(), dtype=F64, guide=AutoMultivariateNormal)


def test_chains_that_disagree_are_found_by_their_predictions() -> None:
    together = torch.randn(30, 200, generator=seed())
    apart = together + 3.0 * (torch.arange(200) >= 100)
    assert agreement(torch.distributions.Normal(together, 1.0), 2) < 1.05
    r_hat = agreement(torch.distributions.Normal(apart, 1.0), 2)
    assert r_hat > 1.5
    with pytest.warns(RuntimeWarning, match="disagree"):
        warn_of(r_hat, 0, 2, 100)
    with pytest.warns(RuntimeWarning, match="30 of 200 transitions"):
        warn_of(1.0, 30, 2, 100)
    warn_of(r_hat, 30, 2, 10)  # too short to tell
