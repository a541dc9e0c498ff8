"""Joint choices beside other points: one draw of hypotheses sees both."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn

from bayesal import Pool
from bayesal.posteriors import DeepEnsemble
from bayesal.selection import BatchBALD, grow, top
from bayesal.strategies import Beside
from bayesal.views import FromPool, Given, Predictions


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ensemble(members=6):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DeepEnsemble([nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 3)) for _ in range(members)])


POINTS = torch.randn(30, 2, generator=generator(5))
POOL = Pool.of(POINTS, ids=[f"p{i}" for i in range(30)], labels={"p0": 1}, progress=False)
BELIEF = ensemble()


@dataclass(frozen=True)
class Unlike:
    """A scored rule: rows least like the first target, for the same hypotheses."""

    target: torch.Tensor

    def scores(self, rows, /):
        return (rows - self.target).abs().sum((1, 2))

    def __call__(self, rows, batch_size, /, *, generator):
        return top(self.scores(rows), batch_size)


def test_a_greedy_rule_is_made_from_what_is_seen_at_the_targets():
    seen = []

    def rule(rows):
        seen.append(rows)
        return BatchBALD()

    selection = Beside(Given(POINTS[:4], number=None), rule, 6)(BELIEF, POOL, 3, generator=generator())
    logits = BELIEF.draw(6, generator=generator())(POINTS).logits
    torch.testing.assert_close(seen[0], logits[:4])
    alone = grow(BatchBALD(), logits[1:], 3, generator=generator())
    assert selection.ids == [f"p{1 + i}" for i in alone.positions.tolist()]
    torch.testing.assert_close(selection.gains, alone.gains)


def test_a_scored_rule_gives_its_scores():
    selection = Beside(Given(POINTS[:1]), lambda rows: Unlike(rows[0]), 6)(BELIEF, POOL, 3, generator=generator())
    look = Predictions(6)(BELIEF, POOL, generator=generator())
    rows = POOL.scan(look)
    distance = (rows[1:] - rows[0]).abs().sum((1, 2))
    assert selection.ids == [f"p{1 + i}" for i in distance.topk(3).indices.tolist()]
    torch.testing.assert_close(selection.scores, distance.topk(3).values)


def test_a_batch_that_does_not_fit_is_refused_before_anything_is_drawn():
    with pytest.raises(ValueError, match="only 29 unlabelled"):
        Beside(FromPool(3), lambda rows: BatchBALD())(BELIEF, POOL, 30, generator=generator())


def test_the_recipe_is_readable():
    assert repr(Beside(FromPool(3), Unlike, 8)) == "Beside(targets=FromPool(number=3), rule=Unlike, num_hypotheses=8)"
