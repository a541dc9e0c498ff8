"""Greedy ensembles as beliefs: the laws, enumeration, the mixture, and what they know of themselves."""

from functools import partial
from itertools import combinations

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Normal

from bayesal.data import Pool
from bayesal.learning import GaussianLoss, Greedy, Training
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, GreedyEnsemble
from bayesal.testing import check_posterior

QUICK = Training(batch_size=16, epoch_size=64, max_epochs=10, patience=None, progress=False)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def points(n: int = 12) -> Tensor:
    return torch.randn(n, 3, generator=seed(7))


def make(dtype: torch.dtype) -> nn.Module:
    return MLP(3, 2, hidden=(16,)).to(dtype)


@pytest.fixture(scope="module", params=[torch.float32, torch.float64], ids=["float32", "float64"])
def belief(request: pytest.FixtureRequest) -> GreedyEnsemble:
    x = torch.randn(30, 3, generator=seed())
    pool = Pool.of(x, labels={i: int(x[i].sum() > 0) for i in range(20)})
    return Greedy(partial(make, request.param), GreedyEnsemble, 4, training=QUICK)(pool, seed())


@pytest.fixture(scope="module")
def amounts() -> GreedyEnsemble:
    x = torch.randn(30, 3, generator=seed())
    pool = Pool.of(x, labels={i: float(100 + 10 * x[i].sum()) for i in range(20)})
    make_one = partial(MLP, 3, 2, hidden=(16,))
    return Greedy(make_one, GreedyEnsemble, 4, loss=GaussianLoss(), training=QUICK)(pool, seed())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("k", [1, 3, 8])
def test_it_keeps_the_laws(belief: GreedyEnsemble, k: int, dtype: torch.dtype) -> None:
    check_posterior(belief, points().to(dtype), num_hypotheses=k)


def test_of_amounts_too(amounts: GreedyEnsemble) -> None:
    check_posterior(amounts, points())


def probabilities(belief: GreedyEnsemble, k: int, x: Tensor, number: int = 0) -> Tensor:
    predictions = belief.draw(k, generator=seed(number))(x)
    assert isinstance(predictions, Categorical)
    return predictions.probs


def test_each_member_once_and_pairs_in_all_combinations(belief: GreedyEnsemble) -> None:
    everyone = probabilities(belief, 100, points())
    assert everyone.shape == (12, 4, 2)
    pairs = set()
    for number in range(60):
        drawn = probabilities(belief, 2, points(), number)
        found = [int((everyone - drawn[:, k : k + 1]).abs().amax((0, 2)).argmin()) for k in range(2)]
        torch.testing.assert_close(everyone[:, found], drawn)
        pairs.add(frozenset(found))
    assert pairs == {frozenset(pair) for pair in combinations(range(4), 2)}


def test_over_draws_the_mean_and_the_covariance_between_points_are_the_members(belief: GreedyEnsemble) -> None:
    x, times = points(3), 300
    everyone = probabilities(belief, 4, x)[:, :, 0].double()
    drawn = torch.stack([probabilities(belief, 1, x, n)[:, 0, 0].double() for n in range(times)], dim=1)
    error = 4 * (everyone.var(dim=1, correction=0) / times).sqrt()
    assert ((drawn.mean(1) - everyone.mean(1)).abs() <= error + 1e-12).all()
    closed = torch.cov(everyone, correction=0)
    spread = torch.einsum("ik,jk->ijk", *[everyone - everyone.mean(1, keepdim=True)] * 2).var(dim=2, correction=0)
    assert ((torch.cov(drawn) - closed).abs() <= 4 * (spread / times).sqrt() + 0.02 * closed.abs().max()).all()


def test_it_is_the_deep_ensemble_of_its_members(belief: GreedyEnsemble) -> None:
    members = [make(torch.float32) for _ in range(3)]
    plain, greedy = DeepEnsemble(members), GreedyEnsemble(members, strength=1.0)
    expected = plain.draw(3, generator=seed())(points())
    assert torch.equal(greedy.draw(3, generator=seed())(points()).logits, expected.logits)  # pyright: ignore
    assert all(torch.equal(value, plain.state[name]) for name, value in greedy.state.items())
    assert greedy.num_members == 3
    assert greedy.likelihood is plain.likelihood
    assert greedy.distances is greedy.mean_distance is None


def test_it_knows_how_far_its_members_are_apart(belief: GreedyEnsemble) -> None:
    distances = belief.distances
    assert distances is not None
    assert distances.shape == (4, 4)
    assert ((distances >= 0) & (distances <= 2)).all()
    pairs = [float(distances[i, j]) for i, j in combinations(range(4), 2)]
    assert belief.mean_distance == pytest.approx(sum(pairs) / 6)


def test_amounts_have_means_and_spreads_in_their_own_units(amounts: GreedyEnsemble) -> None:
    predictions = amounts.draw(4, generator=seed())(points())
    assert isinstance(predictions, Normal)
    assert predictions.batch_shape == (12, 4)
    assert 50 < predictions.mean.mean() < 150
    assert 1 < predictions.stddev.mean() < 100


def test_doors_are_kept(belief: GreedyEnsemble) -> None:
    members = [make(torch.float32) for _ in range(3)]
    with pytest.raises(ValueError, match="at least one hypothesis"):
        belief.draw(0, generator=seed())
    with pytest.raises(ValueError, match="at least two members"):
        GreedyEnsemble(members[:1], strength=3.0)
    with pytest.raises(ValueError, match=r"between 3 members must be 3 x 3, but they are \(2, 2\)"):
        GreedyEnsemble(members, strength=3.0, distances=torch.zeros(2, 2))
    with pytest.raises(ValueError, match="NaN or infinite"):
        belief.draw(2, generator=seed())(torch.full((2, 3), float("nan")))
    with pytest.raises(ValueError, match=r"refuse|shape"):
        belief.draw(2, generator=seed())(torch.zeros(2, 5))
    assert belief.draw(2, generator=seed())(torch.zeros(0, 3)).batch_shape == (0, 2)
