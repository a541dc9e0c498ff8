"""Fully Bayesian processes: the mixture's identities, tight priors against exact processes, samples against a grid."""

import math
import pickle
from functools import partial

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import MultivariateNormal

from bayesal.posteriors import FullyBayesianGP
from bayesal.posteriors.processes.nuts import log_likelihood
from bayesal.posteriors.processes.priors import Hyperparameters, dimension_scaled, saas
from bayesal.testing import check_posterior

QUICK = {"num_samples": 8, "warmup": 8, "num_chains": 1, "thinning": 2, "max_tree_depth": 4}


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def hyper(length: float, amplitude: float, noise: float, level: float, columns: int = 1) -> Hyperparameters:
    lengths = torch.full((columns,), length, dtype=torch.float64)
    return Hyperparameters(lengths, number(amplitude), number(noise), number(level))


X = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
Y = torch.tensor([1.0, -1.0], dtype=torch.float64)
AT = torch.tensor([[0.5], [2.0], [-1.0]], dtype=torch.float64)
THREE = [hyper(1.0, 1.0, 0.1, 0.0), hyper(0.3, 2.0, 0.3, 0.5), hyper(3.0, 0.5, 0.01, -0.5)]


def by_hand(one: Hyperparameters) -> tuple[Tensor, Tensor]:
    """Mean and covariance at AT by conditioning a joint normal, squared-exponential kernel."""
    both = torch.cat([AT, X])
    joint = one.amplitude * torch.exp(-((both - both.T) ** 2) / (2 * one.lengths[0] ** 2))
    known = joint[3:, 3:] + one.noise * torch.eye(2)
    mean = one.level + joint[:3, 3:] @ torch.linalg.inv(known) @ (Y - one.level)
    return mean, joint[:3, :3] - joint[:3, 3:] @ torch.linalg.inv(known) @ joint[3:, :3]


def test_one_sample_gives_the_numbers_of_a_case_worked_by_hand():
    belief = FullyBayesianGP(THREE[:1], X, Y, smoothness=math.inf)
    torch.testing.assert_close(belief.mean(AT[:2]), torch.tensor([0.0, -0.954863]).double(), rtol=0, atol=1e-6)
    expected = torch.tensor([[0.087270, -0.058988], [-0.058988, 0.613784]], dtype=torch.float64)
    torch.testing.assert_close(belief.covariance(AT[:2], AT[:2]), expected, rtol=0, atol=1e-6)


def test_moments_are_the_mixtures():
    belief = FullyBayesianGP(THREE, X, Y, smoothness=math.inf, shift=5.0, unit=10.0)
    means, covariances = zip(*map(by_hand, THREE), strict=True)
    mean = torch.stack(means).mean(0)
    second = sum(c + m.outer(m) for m, c in zip(means, covariances, strict=True)) / 3
    torch.testing.assert_close(belief.mean(AT), 5 + 10 * mean)
    torch.testing.assert_close(belief.covariance(AT, AT), 100 * (second - mean.outer(mean)))
    torch.testing.assert_close(belief.variance(AT), belief.covariance(AT, AT).diagonal())
    assert belief.noise == pytest.approx(100 * (0.1 + 0.3 + 0.01) / 3)
    assert (belief.variance(AT) >= 100 * torch.stack(covariances).mean(0).diagonal()).all()


def test_the_law_of_draws_is_the_mixtures():
    belief, k = FullyBayesianGP(THREE, X, Y, smoothness=math.inf), 6000
    drawn = belief.draw(k, generator=seed())(AT)
    mean, covariance = belief.mean(AT), belief.covariance(AT, AT)
    assert ((drawn.loc.mean(1) - mean).abs() / (covariance.diagonal() / k).sqrt()).max() < 4
    products = (drawn.loc - mean[:, None])[:, None, :] * (drawn.loc - mean[:, None])[None, :, :]
    assert ((products.mean(-1) - covariance).abs() / (products.std(-1) / k**0.5)).max() < 4
    values, counts = drawn.scale[0].unique(return_counts=True)
    torch.testing.assert_close(values.square().sort().values, torch.tensor([0.01, 0.1, 0.3], dtype=torch.float64))
    assert counts.tolist() == [2000, 2000, 2000]


@pytest.mark.parametrize(("k", "expected"), [(1, [1]), (2, [1, 1]), (5, [1, 2, 2])])
def test_functions_are_spread_over_the_samples(k: int, expected: list[int]):
    belief = FullyBayesianGP(THREE, X, Y)
    seen = [belief.draw(k, generator=seed(s))(AT).scale[0].unique(return_counts=True) for s in range(20)]
    assert all(sorted(counts.tolist()) == expected for _, counts in seen)
    assert len({tuple(values.tolist()) + tuple(counts.tolist()) for values, counts in seen}) == 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_draws_are_functions(dtype: torch.dtype):
    belief = FullyBayesianGP(
        [hyper(1.0, 1.0, 0.1, 0.0, 2), hyper(2.0, 0.5, 0.2, 0.1, 2)], torch.rand(4, 2).double(), torch.rand(4).double()
    )
    check_posterior(belief, torch.randn(9, 2, generator=seed(), dtype=dtype))
    copied = pickle.loads(pickle.dumps(belief))
    points = torch.randn(3, 2, generator=seed(), dtype=dtype)
    torch.testing.assert_close(copied.covariance(points, points), belief.covariance(points, points))
    assert belief.draw(3, generator=seed())(points[:0]).batch_shape == (0, 3)


def test_the_likelihood_is_that_of_a_joint_normal():
    for one in THREE:
        covariance = one.amplitude * torch.exp(-((X - X.T) ** 2) / (2 * one.lengths[0] ** 2)) + one.noise * torch.eye(2)
        expected = MultivariateNormal(one.level.expand(2), covariance).log_prob(Y)
        torch.testing.assert_close(log_likelihood(one, X, Y, math.inf), expected)
    assert (
        log_likelihood(hyper(1.0, 1.0, 0.0, 0.0), torch.zeros(3, 1).double(), torch.ones(3).double(), 2.5) == -math.inf
    )


def table(n: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(n, 2, generator=seed(1), dtype=torch.float64)
    return x, 100 * (x[:, 0].sin() + 0.3 * torch.randn(n, generator=seed(2), dtype=torch.float64)) + 7


def tight(num_columns: int) -> Hyperparameters:
    narrow = {name: dist.LogNormal(math.log(value), 1e-4) for name, value in {"a": 1.3, "n": 0.2}.items()}
    lengths = pyro.sample("l", dist.LogNormal(torch.full((num_columns,), 0.5), 1e-4).to_event(1))
    return Hyperparameters(lengths, pyro.sample("a", narrow["a"]), pyro.sample("n", narrow["n"]), lengths[0] * 0)


def test_tight_priors_leave_the_exact_process():
    x, y = table(12)
    belief = FullyBayesianGP.fit(x, y, generator=seed(), prior=tight, **QUICK)
    shift, unit = float(y.mean()), float(y.std(correction=0))
    one = hyper(math.exp(0.5), 1.3, 0.2, 0.0, 2)
    exact = FullyBayesianGP([one], x, (y - shift) / unit, shift=shift, unit=unit)
    points = table(20)[0][12:]
    torch.testing.assert_close(belief.mean(points), exact.mean(points), rtol=1e-2, atol=0.1)
    torch.testing.assert_close(belief.covariance(points, points), exact.covariance(points, points), rtol=1e-2, atol=5)
    assert belief.noise == pytest.approx(0.2 * unit**2, rel=1e-2)


def only_noise(num_columns: int) -> Hyperparameters:
    noise = pyro.sample("n", dist.LogNormal(torch.tensor(-1.0), 1.0))
    return Hyperparameters(torch.ones(num_columns), torch.tensor(1.0), noise, torch.tensor(0.0))


def test_samples_follow_the_posterior_of_a_grid():
    x, y = table(15)
    settings = {"num_samples": 100, "warmup": 40, "num_chains": 2, "thinning": 1}
    belief = FullyBayesianGP.fit(x, y, generator=seed(), prior=only_noise, **settings)
    standard = (y - y.mean()) / y.std(correction=0)
    grid = torch.linspace(-6, 3, 400, dtype=torch.float64)
    logs = [log_likelihood(hyper(1.0, 1.0, float(v.exp()), 0.0, 2), x, standard, 2.5) - (v + 1) ** 2 / 2 for v in grid]
    weights = torch.stack(logs).softmax(0)
    mean = float((weights * grid).sum())
    spread = float((weights * (grid - mean) ** 2).sum()) ** 0.5
    seen = torch.stack([one.noise.log() for one in belief.samples])
    assert len(seen) == 200
    assert abs(float(seen.mean()) - mean) < 5 * spread / 200**0.5
    assert float(seen.std()) == pytest.approx(spread, rel=0.25)
    assert belief.diagnostics["r_hat"] < 1.1


def test_the_default_fit_and_what_it_leaves_alone():
    x, y = table(10)
    pyro.get_param_store().clear()
    pyro.param("mine", torch.ones(1))
    before, store = torch.get_rng_state(), list(pyro.get_param_store())
    one, two = (FullyBayesianGP.fit(x, y, generator=seed(3), **QUICK) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert list(pyro.get_param_store()) == store
    pyro.get_param_store().clear()
    assert len(one.samples) == 4
    for name, value in one.state.items():
        torch.testing.assert_close(two.state[name], value, rtol=0, atol=0)
    check_posterior(one, x.float())


@pytest.mark.parametrize(("labels", "prior"), [([7.0], dimension_scaled), ([7.0, 7.0, 7.0], saas)])
def test_few_or_constant_labels(labels: list[float], prior):
    x = torch.arange(len(labels), dtype=torch.float32)[:, None] * torch.ones(1, 3)
    belief = FullyBayesianGP.fit(x, torch.tensor(labels), generator=seed(), prior=prior, **QUICK)
    check_posterior(belief, torch.randn(5, 3, generator=seed()))
    assert belief.mean(x)[0].item() == pytest.approx(7.0, abs=2)


def test_wide_points_share_one_length_scale():
    x = torch.randn(5, 60, generator=seed())
    belief = FullyBayesianGP.fit(x, x[:, 0], generator=seed(), **QUICK)
    assert len(belief.samples[0].lengths.unique()) == 1


def test_bad_settings_and_inputs_are_refused():
    x, y = table(5)
    belief = FullyBayesianGP(THREE, X, Y)
    for ask in (belief.mean, belief.variance, belief.draw(2, generator=seed())):
        with pytest.raises(ValueError, match="NaN"):
            ask(AT * torch.nan)
        with pytest.raises(ValueError, match="1 numbers a point"):
            ask(x)
    with pytest.raises(ValueError, match="num_hypotheses is 0"):
        belief.draw(0, generator=seed())
    with pytest.raises(ValueError, match="a length for each of the 2 columns"):
        FullyBayesianGP(THREE, x, y)
    fit = partial(FullyBayesianGP.fit, generator=seed())
    with pytest.raises(ValueError, match="at least"):
        fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="thinning"):
        fit(x, y, thinning=1000)
    with pytest.raises(ValueError, match="finite"):
        fit(x, y * torch.inf)
