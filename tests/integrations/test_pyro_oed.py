"""Expected information by Pyro's estimators: a linear-Gaussian closed form, BALD, and what is left alone."""

from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.contrib.oed.eig import posterior_eig
from pyro.optim import Adam
from torch import Generator, Tensor
from torch.distributions import Normal, constraints

from bayesal.acquisitions import bald
from bayesal.integrations.pyro_oed import (
    expected_information,
    nested_monte_carlo,
    of_hypotheses,
    variational_marginal,
)
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout

EXACT = torch.tensor([1.616, 1.192, 0.713, 0.302])
DESIGNS = (torch.expm1(2 * EXACT)).sqrt()[:, None]  # ½ ln(1 + x² / σ²) is the information, with σ = 1


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def line(design: Tensor) -> Tensor:
    """y ~ N(x θ, 1), θ ~ N(0, 1)."""
    with pyro.plate_stack("plate", design.shape[:-2]):
        theta = pyro.sample("theta", dist.Normal(0.0, 1.0))
        return pyro.sample("y", dist.Normal((design * theta[..., None, None]).squeeze(-1), 1.0).to_event(1))


def test_nested_monte_carlo_is_near_the_closed_form_and_above_it() -> None:
    found = expected_information(line, DESIGNS, estimator=nested_monte_carlo(), latents="theta", generator=seed())
    assert ((found - EXACT) > -0.06).all()
    assert ((found - EXACT) < 0.3).all()
    few = torch.stack(
        [
            expected_information(
                line, DESIGNS, estimator=nested_monte_carlo(1000, 5), latents="theta", generator=seed(s)
            )
            for s in range(10)
        ]
    ).mean(0)
    assert (few > EXACT + 0.02).all()  # its bias, of the order of 1/M


def test_the_marginal_is_the_closed_form() -> None:
    found = expected_information(line, DESIGNS, estimator=variational_marginal(4), latents="theta", generator=seed())
    assert (found - EXACT).abs().max() < 0.05


def test_an_estimator_of_pyro_with_a_guide_of_ones_own() -> None:
    """The posterior estimator: q(θ | y) = N(a y, s²) for each design, which holds the exact posterior."""

    def guide(y_dict: dict[str, Tensor], design: Tensor, observations: list[str], targets: list[str]) -> None:
        slope = pyro.param("slope", torch.full((4,), 0.5))
        width = pyro.param("width", torch.ones(4), constraint=constraints.positive)
        with pyro.plate_stack("guide", design.shape[:-2]):
            pyro.sample("theta", dist.Normal(slope * y_dict["y"].squeeze(-1), width))

    estimator = partial(
        posterior_eig, num_samples=50, num_steps=400, guide=guide, optim=Adam({"lr": 0.02}), final_num_samples=4000
    )
    found = expected_information(line, DESIGNS, estimator=estimator, latents="theta", generator=seed())
    assert (found - EXACT).abs().max() < 0.1


def test_of_hypotheses_it_is_bald() -> None:
    points = 2 * torch.randn(6, 3, generator=seed())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hypotheses = MCDropout(MLP(3, 4, dropout=0.5)).draw(20, generator=seed())
    found = expected_information(
        of_hypotheses(hypotheses),
        points,
        estimator=nested_monte_carlo(2000, 200),
        latents="hypothesis",
        generator=seed(),
    )
    torch.testing.assert_close(found, bald(hypotheses(points)), atol=0.03, rtol=0.1)
    marginal = expected_information(
        of_hypotheses(hypotheses),
        points,
        estimator=variational_marginal(6, classes=4, steps=120),
        latents="hypothesis",
        generator=seed(),
    )
    torch.testing.assert_close(marginal, bald(hypotheses(points)), atol=0.03, rtol=0.1)


def test_of_hypotheses_about_amounts_it_is_bald_too() -> None:
    points = torch.tensor([[1.0], [0.3]])
    slopes = torch.tensor([-2.0, 0.0, 2.0])
    told = expected_information(
        of_hypotheses(lambda inputs: Normal(inputs * slopes, 0.5)),
        points,
        estimator=nested_monte_carlo(4000, 300),
        latents="hypothesis",
        generator=seed(),
    )
    torch.testing.assert_close(told, bald(Normal(points * slopes, 0.5)).float(), atol=0.03, rtol=0.05)


def test_pyros_store_and_the_generators_are_as_before() -> None:
    pyro.clear_param_store()
    pyro.param("loc", torch.ones(7))
    random = torch.get_rng_state()
    marginal = variational_marginal(4, steps=3)
    one, same, other = (
        expected_information(line, DESIGNS, estimator=marginal, latents="theta", generator=seed(s)) for s in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), random)
    assert list(pyro.get_param_store().keys()) == ["loc"]
    assert torch.equal(pyro.param("loc"), torch.ones(7))
    pyro.clear_param_store()


def broken(design: Tensor) -> Tensor:
    with pyro.plate_stack("plate", design.shape[:-2]):
        theta = pyro.sample("theta", dist.Normal(0.0, 1.0))
        return pyro.sample("y", dist.Normal(theta[..., None] * torch.nan, 1.0, validate_args=False).to_event(1))


def test_bad_designs_and_estimates_are_refused() -> None:
    ask = partial(expected_information, line, estimator=nested_monte_carlo(10, 3), latents="theta", generator=seed())
    assert ask(DESIGNS[:0]).shape == (0,)
    with pytest.raises(ValueError, match="finite numbers of shape N D"):
        ask(DESIGNS / 0)
    with pytest.raises(ValueError, match="not finite"):
        expected_information(broken, DESIGNS, estimator=nested_monte_carlo(10, 3), latents="theta", generator=seed())
