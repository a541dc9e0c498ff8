"""A learner that labels for itself what it is sure of."""

from functools import partial

import pytest
import torch
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.learning import GaussianLoss, Supervised, Training
from bayesal.learning.ceal import CEAL
from bayesal.methods.last_layers import badge
from bayesal.methods.points import entropy, margin
from bayesal.methods.pseudo import ceal
from bayesal.networks import MLP
from bayesal.numerics.entropy import mixture_entropy
from bayesal.posteriors import MCDropout
from bayesal.testing import check_posterior

QUICK = Training(epoch_size=64, max_epochs=8, batch_size=32, learning_rate=1e-2, progress=False)
LEARNER = Supervised(partial(MLP, 2, 2, hidden=(8,)), MCDropout, training=QUICK)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def points(n: int = 40) -> Tensor:
    """Two clouds, far apart."""
    return torch.randn(n, 2, generator=seed(1)) + 6 * (torch.arange(n) % 2)[:, None]


TRUTH = {i: i % 2 for i in range(40)}


def pool_of(labelled: int = 8) -> Pool:
    return Pool.of(points(), labels={i: TRUTH[i] for i in range(labelled)}, progress=False)


def weights(belief: MCDropout) -> list[Tensor]:
    return list(belief.state.values())


def test_the_threshold_falls_by_the_paper_and_never_below_zero():
    learner = CEAL(LEARNER, initial=20, batch_size=10)
    assert [learner.threshold_at(n) for n in (20, 30, 40)] == pytest.approx([0.05, 0.0467, 0.0434], rel=1e-12)
    assert learner.threshold_at(5) == 0.05
    assert learner.threshold_at(35) == pytest.approx(0.0434)
    assert learner.threshold_at(10_000) == 0


def test_worked_thresholds_of_the_toolkit():
    learner = CEAL(LEARNER, threshold=5e-5, decay=0.033e-5, cumulative=True, initial=20, batch_size=10)
    found = [learner.threshold_at(20 + 10 * t) for t in range(6)]
    assert found == pytest.approx([5e-5, 4.967e-5, 4.901e-5, 4.802e-5, 4.67e-5, 4.505e-5], rel=1e-12)


@pytest.mark.parametrize("threshold", [0, -1.0, 1e-30])
def test_with_nothing_below_the_threshold_it_is_the_learner_alone(threshold: float):
    alone = LEARNER(pool_of(), seed())
    ours = CEAL(LEARNER, threshold=threshold, decay=0, num_hypotheses=5)(pool_of(), seed())
    assert all(torch.equal(one, other) for one, other in zip(weights(alone), weights(ours), strict=True))
    assert ours.pseudo_labels.labels == {}
    assert ours.pseudo_labels.accuracy is None


def test_what_is_below_the_threshold_is_learned_from():
    learner = CEAL(LEARNER, threshold=0.6, initial=8, num_hypotheses=20, answers=TRUTH)
    ours, generator = learner(pool_of(), seed()), seed()
    first = LEARNER(pool_of(), generator)
    predictions = first.draw(20, generator=generator)(points()[8:])
    sure = mixture_entropy(predictions) < 0.6
    guesses = predictions.probs.mean(1).argmax(1)
    expected = {i + 8: int(guesses[i]) for i in sure.nonzero().squeeze(1).tolist()}
    assert 0 < len(expected) < 32
    assert ours.pseudo_labels.labels == expected
    assert ours.pseudo_labels.open == 32
    right = [label == TRUTH[i] for i, label in expected.items()]
    assert ours.pseudo_labels.accuracy == pytest.approx(sum(right) / len(right))
    second = LEARNER(pool_of().with_labels(expected), generator)
    assert all(torch.equal(one, other) for one, other in zip(weights(second), weights(ours), strict=True))


def test_the_same_pool_and_seed_give_the_same_belief_and_it_is_one():
    learner = CEAL(LEARNER, threshold=0.5, initial=8, num_hypotheses=5)
    pool = pool_of()
    one, other = learner(pool, seed(3)), learner(pool, seed(3))
    assert all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))
    assert len(pool.labels) == 8
    check_posterior(one, points()[:6], num_hypotheses=4)


def test_points_nobody_may_ask_for_and_a_pool_all_labelled():
    learner = CEAL(LEARNER, threshold=1.0, initial=8, num_hypotheses=5)
    some = learner(pool_of().only([10, 11, 12]), seed())
    assert set(some.pseudo_labels.labels) <= {10, 11, 12}
    assert some.pseudo_labels.open == 3
    assert learner(pool_of(40), seed()).pseudo_labels.open == 0


@pytest.mark.parametrize("base", [None, margin(5), badge()])
def test_any_method_asks_and_the_notes_say_what_was_learned_from(base):
    belief = CEAL(LEARNER, threshold=0.6, initial=8, num_hypotheses=5, answers=TRUTH)(pool_of(), seed())
    ours = ceal(base, num_hypotheses=5)(belief, pool_of(), 4, generator=seed())
    plain = (base or entropy(5))(belief, pool_of(), 4, generator=seed())
    assert list(ours.ids) == list(plain.ids)
    count = len(belief.pseudo_labels.labels)
    assert ours.notes[0].startswith(f"{count} of 32 unlabelled points were learned from as the model labelled them")
    assert ours.notes[0].endswith("of these labels are right")


def test_other_beliefs_tasks_and_settings_get_a_sentence():
    with pytest.raises(ValueError, match="MCDropout did not learn from labels of its own: use --posterior ceal"):
        ceal()(LEARNER(pool_of(), seed()), pool_of(), 4, generator=seed())
    amounts = Supervised(partial(MLP, 2, 2, hidden=(8,)), MCDropout, loss=GaussianLoss(), training=QUICK)
    with pytest.raises(ValueError, match=r"only one class a point .* Normal"):
        CEAL(amounts)(Pool.of(points(), labels={0: 0.5, 1: 1.5, 2: 0.1}, progress=False), seed())
    with pytest.raises(ValueError, match="object draws no functions"):
        CEAL(lambda pool, generator: object())(pool_of(), seed())
    with pytest.raises(ValueError, match="decay at least 0"):
        CEAL(LEARNER, decay=-1)
    with pytest.raises(ValueError, match="batches of at least 1"):
        CEAL(LEARNER, batch_size=0)
    with pytest.raises(ValueError, match="nothing in the pool is labelled"):
        CEAL(LEARNER)(pool_of(0), seed())
    assert "answers" not in repr(CEAL(LEARNER, answers=TRUTH))
    assert repr(CEAL(LEARNER)).startswith("CEAL(learner=Supervised(")
