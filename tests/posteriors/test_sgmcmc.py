"""SG-MCMC: the laws of its chains where they are known, and the belief they make."""

import sys
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.data import Pool
from bayesal.learning import CrossEntropy, SquaredLoss, Staged, Training
from bayesal.networks import MLP
from bayesal.posteriors import SGMCMC, Langevin
from bayesal.testing import check_posterior

SHORT = Langevin(num_samples=8, burn_in=20, thinning=4, learning_rate=0.1, progress=False)
QUICK = Training(epoch_size=32, max_epochs=2)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def normal(theta: Tensor, batch: None) -> Tensor:
    """log N(0, 1) of every number, each a chain of its own."""
    return -theta.square().sum() / 2


def variance(chain: Langevin, temperature: float = 1.0) -> float:
    return float(chain.run(normal, torch.zeros(3000), temperature=temperature, seed=0).var())


@pytest.mark.parametrize(("epsilon", "expected"), [(0.1, 1.025641), (0.5, 1.142857), (1.0, 1.333333)])
def test_langevin_dynamics_stretch_a_standard_normal_as_the_card_says(epsilon: float, expected: float) -> None:
    burn_in = round(10 / epsilon)
    chain = Langevin("sgld", learning_rate=epsilon / 2, num_samples=8, burn_in=burn_in, thinning=5, progress=False)
    assert abs(variance(chain) - expected) < 0.03 * expected


@pytest.mark.parametrize("curvature", [1.0, 4.0, 6.2])
def test_the_baoa_integrator_hardly_stretches(curvature: float) -> None:
    chain = Langevin(learning_rate=0.1, friction=1.0, num_samples=8, burn_in=100, thinning=10, progress=False)
    samples = chain.run(lambda t, _: curvature * normal(t, None), torch.zeros(3000), temperature=1.0, seed=0)
    assert abs(float(samples.var()) * curvature - 1) < 0.04


def test_a_density_divided_by_n_at_the_temperature_1_over_n_is_the_density_itself() -> None:
    chain = Langevin("sgld", learning_rate=0.25, num_samples=8, burn_in=40, thinning=5, progress=False)
    assert abs(variance(chain, temperature=1 / 50) - 1.142857 / 50) < 0.03 / 50


def test_a_cycle_explores_at_the_full_rate_and_samples_at_the_end() -> None:
    chain = Langevin(num_samples=6, burn_in=10, thinning=5, num_cycles=3, learning_rate=0.2, progress=False)
    assert chain.cycle == 20
    rates = [chain.rate(step) for step in range(40)]
    assert rates[:20] == rates[20:]
    assert rates[0] == 0.2
    assert all(one > other for one, other in pairwise(rates[:20]))
    samples = chain.run(normal, torch.zeros(3000), temperature=1.0, seed=0)
    assert samples.shape == (6, 3000)
    uneven = Langevin(num_samples=7, burn_in=1, thinning=1, num_cycles=3, learning_rate=0.2, progress=False)
    assert uneven.run(normal, torch.zeros(2), temperature=1.0, seed=0).shape == (7, 2)


def test_nothing_global_moves_and_a_seed_is_a_chain() -> None:
    before = torch.get_rng_state()
    one, other = (SHORT.run(normal, torch.zeros(3), temperature=1.0, seed=1) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.equal(one, SHORT.run(normal, torch.zeros(3), temperature=1.0, seed=2))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.fixture(scope="module")
def regression() -> tuple[Tensor, Tensor, SGMCMC]:
    """Linear regression with noise of variance 0.25 around standardised labels, whose posterior is known."""
    x = torch.randn(30, 2, generator=seed(), dtype=torch.float64)
    y = x @ torch.tensor([1.0, -2.0]).double() + torch.randn(30, generator=seed(1), dtype=torch.float64)
    loss = SquaredLoss(variance=0.25)
    chain = Langevin(learning_rate=0.2, friction=0.5, num_samples=300, burn_in=100, thinning=3, progress=False)
    network = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    return x, y, SGMCMC.fit(network, x, y, loss=loss, generator=seed(), chain=chain)


def test_on_conjugate_regression_the_samples_are_the_posterior(regression: tuple[Tensor, Tensor, SGMCMC]) -> None:
    x, y, belief = regression
    precision = torch.eye(2).double() + x.T @ x / 0.25  # the prior's variance is 2 / fan-in = 1
    covariance = torch.linalg.inv(precision)
    expected, wanted = x @ covariance @ x.T @ y / 0.25, x @ covariance @ x.T
    functions = belief.draw(300, generator=seed())(x).mean
    assert belief.effective_samples is not None
    assert 60 < belief.effective_samples <= 300
    assert ((functions.mean(1) - expected).abs() < 4 * (wanted.diag() / belief.effective_samples).sqrt()).all()
    assert (torch.cov(functions) - wanted).abs().max() < 0.25 * wanted.max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch_size", [8, 128])
def test_a_learned_belief_keeps_the_laws(dtype: torch.dtype, batch_size: int) -> None:
    points = torch.randn(40, 3, generator=seed(), dtype=dtype)
    pool = Pool.of(points, labels={i: int(points[i].sum() > 0) for i in range(0, 40, 2)})
    fit = partial(SGMCMC.fit, chain=SHORT, batch_size=batch_size)
    belief = Staged(lambda: MLP(3, 2, hidden=(8,)).to(dtype), fit, training=QUICK)(pool, seed())
    findings = check_posterior(belief, points[:9])
    assert not [f.sentence for f in findings if f.warning and f.law != "another seed"]
    assert belief.num_snapshots == 8
    assert 1 <= belief.effective_samples <= 8
    assert belief.draw(3, generator=seed())(points[:0]).batch_shape == (0, 3)
    again = Staged(lambda: MLP(3, 2, hidden=(8,)).to(dtype), fit, training=QUICK)(pool, seed())
    assert all(torch.equal(value, again.state[name]) for name, value in belief.state.items())


def test_frozen_weights_stay_where_they_are() -> None:
    network = MLP(3, 2, hidden=(8,))
    network.body.requires_grad_(False)
    x, y = torch.randn(1, 3, generator=seed()), torch.zeros(1, dtype=torch.int64)
    belief = SGMCMC.fit(network, x, y, loss=CrossEntropy(), generator=seed(), chain=SHORT)
    assert {name for name, value in belief.state.items() if value.ndim > network.get_parameter(name).ndim} == {
        "head.weight",
        "head.bias",
    }


def test_a_chain_that_diverges_is_refused() -> None:
    with pytest.raises(ValueError, match=r"left the finite numbers .*lower its learning rate \(now 3.0\)"):
        Langevin("sgld", learning_rate=3.0, num_samples=4, burn_in=300, progress=False).run(
            normal, torch.ones(3), temperature=1.0, seed=0
        )


def test_without_the_library_it_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "posteriors", None)
    with pytest.raises(ImportError, match=r"pip install 'bayesal\[sgmcmc\]'"):
        SHORT.run(normal, torch.zeros(2), temperature=1.0, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dynamics": "sghmc"}, "'baoa' or 'sgld', but they are 'sghmc'"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"friction": float("inf")}, "friction must be positive"),
        ({"num_samples": 3}, "num_samples must be at least 4"),
        ({"thinning": 0}, "thinning must be at least 1"),
        ({"num_cycles": 0}, "num_cycles must be at least 1"),
    ],
)
def test_settings_of_no_chain_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Langevin(**settings)  # pyright: ignore[reportArgumentType]


def test_what_cannot_be_sampled_is_refused() -> None:
    fit = partial(SGMCMC.fit, inputs=torch.zeros(2, 3), targets=torch.zeros(2).long(), loss=CrossEntropy())
    with pytest.raises(ValueError, match="no parameters that need gradients"):
        fit(MLP(3, 2).requires_grad_(False), generator=seed())
    with pytest.raises(ValueError, match="prior_scale must be positive"):
        fit(MLP(3, 2), generator=seed(), prior_scale=0.0)
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        fit(MLP(3, 2), generator=seed(), batch_size=0)
