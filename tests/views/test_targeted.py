"""Views that look elsewhere too: the same hypotheses at the targets and in the pool, whatever the chunks."""

import pytest
import torch
from torch import nn
from torch.distributions import Categorical

from bayesal import Pool
from bayesal.posteriors import DeepEnsemble
from bayesal.views import FromPool, Given, Targeted


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ensemble(members=6):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DeepEnsemble([nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)) for _ in range(members)])


POINTS = torch.randn(30, 2, generator=generator(5))
BELIEF = ensemble()


def alike(predictions: Categorical, targets: Categorical) -> torch.Tensor:
    """How often, over hypotheses and targets, point and target are of one class: needs hypotheses in one order."""
    return torch.einsum("nkc,tkc->n", predictions.probs, targets.probs)


def test_pool_and_targets_are_seen_by_the_same_hypotheses():
    targets = POINTS[:7]
    hypotheses = BELIEF.draw(6, generator=generator())
    expected = alike(hypotheses(POINTS), hypotheses(targets))
    for chunk_size in (1, 4, 256):
        pool = Pool.of(POINTS, chunk_size=chunk_size, progress=False)
        look = Targeted(alike, Given(targets, number=None), 6)(BELIEF, pool, generator=generator())
        torch.testing.assert_close(pool.scan(look), expected)


def test_weights_of_the_targets_are_the_third_argument():
    seen = []

    def score(predictions, targets, weights):
        seen.append(weights.tolist())
        return torch.zeros(len(predictions.probs))

    pool = Pool.of(POINTS, progress=False)
    pool.scan(Targeted(score, Given(POINTS[:2], torch.tensor([1.0, 3.0])), 6)(BELIEF, pool, generator=generator()))
    assert seen == [[1, 3]]
    weigh = lambda predictions: predictions.probs[:, :, 0].mean(1)  # noqa: E731
    pool.scan(Targeted(score, FromPool(4), 6, weigh=weigh)(BELIEF, pool, generator=generator()))
    assert len(seen[1]) == 4


def test_weights_from_two_sides_are_refused():
    pool = Pool.of(POINTS, progress=False)
    view = Targeted(alike, Given(POINTS, torch.ones(30)), 6, weigh=lambda p: torch.ones(30))
    with pytest.raises(ValueError, match="class prior or weights, not both"):
        view(BELIEF, pool, generator=generator())
