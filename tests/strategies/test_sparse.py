"""Batches that imitate the pool, from what hypotheses predict to ids."""

import pytest
import torch
from torch import Generator, Tensor

from bayesal import Pool, methods
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout
from bayesal.representations import loss_signatures
from bayesal.selection import ACSFrankWolfe, SparseApproximation
from bayesal.strategies import Imitate
from bayesal.views import GradientSignatures, Predictive


def belief_of() -> MCDropout:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MCDropout(MLP(4, 3, hidden=(16,), dropout=0.5))


def points(count: int = 30) -> Tensor:
    return torch.randn(count, 4, generator=Generator().manual_seed(3)) * 2


def pool_of(chunk_size: int = 256) -> Pool:
    return Pool.of(points(), ids=[f"p{n}" for n in range(30)], labels={"p0": 1}, chunk_size=chunk_size, progress=False)


def test_ids_scores_and_gains_are_those_of_the_rule():
    belief, pool = belief_of(), pool_of()
    selection = Imitate(Predictive(loss_signatures, 20), SparseApproximation())(
        belief, pool, 6, generator=Generator().manual_seed(0)
    )
    hypotheses = belief.draw(20, generator=Generator().manual_seed(0))
    with torch.no_grad():
        rows = loss_signatures(hypotheses(points()[1:]))
    rule = SparseApproximation()
    batch = rule.solve(rows, 6, generator=Generator())
    assert selection.ids == [f"p{n + 1}" for n in batch.positions.tolist()]
    torch.testing.assert_close(selection.gains, batch.gains)
    torch.testing.assert_close(selection.scores, rule.scores(rows)[batch.positions])
    assert selection.notes == ()


def test_gradients_are_half_of_badge_and_stay_factors():
    belief, pool = belief_of(), pool_of()
    look = GradientSignatures()(belief, pool, generator=Generator())
    rows = pool.scan(look, pool.unlabelled)
    assert rows.shape == (29, 3 + 16)
    signatures, variances = look.unpack(rows)
    logits, features = rows[:, :3], rows[:, 3:]
    badge = (logits.softmax(1) - torch.eye(3)[logits.argmax(1)])[:, :, None] * features[:, None]
    torch.testing.assert_close(signatures.dense(), 0.5 * badge.flatten(1))
    assert variances.shape == (29,)
    sure = GradientSignatures(1.0)(belief, pool, generator=Generator())
    assert bool((sure.unpack(rows)[1] > 0).all())
    none = GradientSignatures(0.0)(belief, pool, generator=Generator())
    assert float(none.unpack(rows)[0].dense().abs().max()) < 1e-6


@pytest.mark.parametrize("solver", ["greedy", "refit", "iht"])
@pytest.mark.parametrize("signature", ["losses", "gradients"])
def test_every_solver_chooses_from_both_signatures(signature: str, solver: str):
    strategy = methods.sparse_approximation(20, signature, solver=solver)
    whole, parts = (
        strategy(belief_of(), pool_of(chunk), 8, generator=Generator().manual_seed(0)).ids for chunk in (256, 7)
    )
    assert len(set(whole)) == 8
    assert set(whole) == set(parts)


def test_points_that_no_weight_is_left_for_are_noted():
    rows = torch.cat([torch.eye(3), -torch.ones(4, 3)]) * torch.tensor([3.0] * 3 + [0.01] * 4)[:, None]
    rows = torch.cat([rows, torch.ones(7, 1)], 1)
    selection = SparseApproximation(beta=0.0, solver="greedy").select(rows, 6, generator=Generator())
    assert selection.notes[0].startswith("3 weighted points imitate the pool as well as the whole batch of 6")
    stepped = ACSFrankWolfe().select(rows[:, :3], 6)
    assert "weighted points come as near to the pool as Frank-Wolfe gets" in stepped.notes[0]


def test_frank_wolfe_s_ids_are_in_the_order_of_first_steps():
    belief, pool = belief_of(), pool_of()
    strategy = methods.acs_fw(20, entropy_weight=0.7, fill="exclude")
    selection = strategy(belief, pool, 6, generator=Generator().manual_seed(0))
    assert selection.scores[0] == selection.scores.max()
    assert bool((selection.gains > 0).all())


def test_what_has_no_signature_gets_a_sentence():
    with pytest.raises(ValueError, match="a signature is of losses or gradients, but it is 'features'"):
        methods.sparse_approximation(signature="features")
    with pytest.raises(ValueError, match="trust in the best guess is a share from 0 to 1"):
        methods.sparse_approximation(signature="gradients", trust=2.0)(belief_of(), pool_of(), 2, generator=Generator())
