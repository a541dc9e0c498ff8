import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Normal

from bayesal.data.pool import Pool
from bayesal.loop import Round, Stabilised
from bayesal.loop.stabilised import _kappa


def _kappa_by_hand(before, after):
    """(p_o - p_e) / (1 - p_e) from the table of counts."""
    classes = sorted({*before, *after})
    table = np.zeros((len(classes), len(classes)))
    for one, other in zip(before, after, strict=True):
        table[classes.index(one), classes.index(other)] += 1
    table /= table.sum()
    expected = (table.sum(0) * table.sum(1)).sum()
    return (np.trace(table) - expected) / (1 - expected)


pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40)


@given(pairs.filter(lambda seen: len({label for pair in seen for label in pair}) > 1))
def test_agreement_is_cohens_kappa(seen):
    before, after = zip(*seen, strict=True)
    assert _kappa(before, after) == pytest.approx(_kappa_by_hand(before, after), abs=1e-12)


def test_a_kappa_by_hand():
    # 10 points: both say 0 for 4, both say 1 for 3, they differ on 3: p_o 0.7, p_e 0.6·0.5 + 0.4·0.5 = 0.5
    before = [0] * 4 + [1] * 3 + [0, 0, 1]
    after = [0] * 4 + [1] * 3 + [1, 1, 0]
    assert _kappa(before, after) == pytest.approx(0.4)


def _rounds(rule, seen):
    watched = [{} if predictions is None else {repr(rule): predictions} for predictions in seen]
    return [Round(i, i, {}, 0.0, 0.0, watched=watched[i]) for i in range(len(seen))]


A, B = [0, 1] * 50, [1, 0] * 50
ALMOST_A = [1, *A[1:]]


@pytest.mark.parametrize(
    ("seen", "stops"),
    [
        ([A, A, A], False),
        ([A, A, A, A], True),
        ([B, A, A, A, A], True),
        ([A, A, A, B], False),
        ([A, A, B, A, A, A], False),
        ([A, ALMOST_A, A, A], False),  # kappa 0.98
        ([A, A, None, A], False),
        ([None, A, A, A, A], True),
        ([[0] * 9] * 6, False),  # one class for everything: kappa is 0/0
    ],
)
def test_it_stops_when_the_last_patience_agreements_reach_the_threshold(seen, stops):
    rule = Stabilised(threshold=0.99, patience=3)
    assert (rule(_rounds(rule, seen)) is not None) == stops


def test_what_another_rule_watched_is_not_looked_at():
    assert Stabilised(size=10)(_rounds(Stabilised(size=20), [A] * 6)) is None


def test_the_reason_is_a_sentence():
    rule = Stabilised(0.9, 2)
    reason = rule(_rounds(rule, [A, ALMOST_A, A]))
    assert reason == (
        "predictions on 100 points have stabilised: kappa was at least 0.9800 between the last 3 rounds, "
        "and the threshold was 0.9"
    )


class Belief:
    """Class = sign of the input plus a little noise a hypothesis; as a regression if asked."""

    def __init__(self, kind="classes"):
        self.kind = kind

    def draw(self, num_hypotheses, *, generator):
        noise = 1e-3 * torch.randn(num_hypotheses, generator=generator)

        def hypotheses(inputs):
            value = inputs + noise
            return (
                Categorical(logits=torch.stack([-value, value], -1)) if self.kind == "classes" else Normal(value, 1.0)
            )

        return hypotheses


def test_the_stop_set_is_the_same_points_in_every_round_and_predictions_are_means_over_hypotheses():
    inputs = torch.linspace(-1, 1, 50).unsqueeze(1)
    pool = Pool.of(inputs, ids=[f"p{i}" for i in range(50)], chunk_size=7)
    rule = Stabilised(size=20, num_hypotheses=5)
    first = rule.watch(Belief(), pool, generator=torch.Generator().manual_seed(0))
    second = rule.watch(Belief(), pool.with_labels({"p3": 1}), generator=torch.Generator().manual_seed(1))
    assert first == second
    assert len(first) == 20
    assert set(first) == {0, 1}
    everything = Stabilised(size=99, num_hypotheses=5).watch(Belief(), pool, generator=torch.Generator())
    assert sorted(everything) == [0] * 25 + [1] * 25


def test_a_regression_gets_a_sentence(generator):
    pool = Pool.of(torch.zeros(3, 1))
    with pytest.raises(
        ValueError, match="Stabilised compares predicted classes, but the model predicts Normal; stop by"
    ):
        Stabilised().watch(Belief("numbers"), pool, generator=generator)


@pytest.mark.parametrize("settings", [{"threshold": 1.5}, {"patience": 0}, {"size": 0}, {"num_hypotheses": 0}])
def test_impossible_settings_get_a_sentence(settings):
    with pytest.raises(ValueError, match=r"between -1 and 1, but it is 1\.5|must be at least 1 in Stabilised\("):
        Stabilised(**settings)
