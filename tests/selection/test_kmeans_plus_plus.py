"""The seeding of k-means++: its law, by chi-square, wherever proposals come from."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import KMeansPlusPlus, grow, kmeans_plus_plus
from bayesal.selection.kmeans_plus_plus import Seeding
from bayesal.testing import check_rule
from tests.selection.oracles_distance import Dense, squared_distances

LOGITS = torch.tensor([[2, 0, -1], [0.2, 0.1, 0], [0, 1, 0.9], [3, -3, 0], [-1, 0.5, 0.4]], dtype=torch.float64)
FEATURES = torch.tensor([[1, 0], [1, 1], [0, 2], [2, 1], [0.5, 0.5]], dtype=torch.float64)
SEEDINGS = 800


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def embedding() -> Kronecker:
    """The card's gradients, by another way than the library's."""
    label = torch.nn.functional.one_hot(LOGITS.argmax(1), 3)
    return Kronecker(LOGITS.softmax(1) - label, FEATURES)


def state_after(rule: KMeansPlusPlus, rows: Tensor, taken: list[int]) -> Seeding:
    state = rule.init(rows, generator=Generator())
    return rule.take(state, rows[taken]) if taken else state


def frequencies(rule: KMeansPlusPlus, state: Seeding, open_: Tensor) -> np.ndarray:
    """How often each row is drawn, with the distances that this state has now: old ones stay as old."""
    counts = np.zeros(len(open_))
    for seed in range(SEEDINGS):
        nearest = replace(state.nearest, squared=state.nearest.squared.clone(), seen=state.nearest.seen.clone())
        counts[rule.best(replace(state, nearest=nearest, seed=seed), open_)[0]] += 1
    return counts


def agree(counts: np.ndarray, probabilities: np.ndarray) -> bool:
    possible = probabilities > 0
    if counts[~possible].any():
        return False
    return chisquare(counts[possible], probabilities[possible] / probabilities.sum() * counts.sum()).pvalue > 1e-3


@pytest.mark.parametrize("form", ["products", "dense", "kernel"])
def test_the_worked_law(form: str):
    products = embedding()
    rows = products if form == "products" else products.dense()
    rule = KMeansPlusPlus(kernel=Inner() if form == "kernel" else None)
    everything = torch.ones(5, dtype=torch.bool)
    assert rule.best(state_after(rule, rows, []), everything) == (2, pytest.approx(1.41182**2, rel=1e-5))
    second = np.array([0.222231, 0.42325, 0, 0.216375, 0.138145])
    gains = rule.gains(state_after(rule, rows, [2]))
    np.testing.assert_allclose((gains / gains.sum()).numpy(), second, atol=1e-6)
    third = np.array([0.298963, 0, 0, 0.300409, 0.400628])
    gains = rule.gains(state_after(rule, rows, [2, 1]))
    np.testing.assert_allclose((gains / gains.sum()).numpy(), third, atol=1e-6)
    if form == "products":
        assert agree(frequencies(rule, state_after(rule, rows, [2]), everything), second)


def test_the_law_holds_where_distances_are_old():
    """Taken since: rows whose neighbours must lose nearly all they had, so that most proposals are refused."""
    rows = torch.cat([drawn(0, 6, 2) * 0.3, drawn(1, 6, 2) * 0.3 + 9, drawn(2, 3, 2) - 4])
    rule = KMeansPlusPlus()
    state = state_after(rule, rows, [0])
    rule.gains(state)
    for position in (7, 13, 3):
        state = rule.take(state, rows[[position]])
    open_ = torch.ones(15, dtype=torch.bool)
    open_[[0, 7, 13, 3, 5]] = False
    exact = squared_distances(rows.numpy(), rows[[0, 7, 13, 3]].numpy()).min(1)
    assert float(state.nearest.squared.sum()) > 5 * exact.sum()
    assert agree(frequencies(rule, state, open_), np.where(open_.numpy(), exact, 0))


def test_the_law_holds_when_no_proposal_is_accepted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.modules[KMeansPlusPlus.__module__], "PROPOSALS", 1)  # the function has the module's name
    rows = torch.tensor([[0.0], [10], [10.5], [0.4], [11]], dtype=torch.float64)
    rule = KMeansPlusPlus()
    state = state_after(rule, rows, [0])
    rule.gains(state)
    state = rule.take(state, rows[[1]])
    assert agree(frequencies(rule, state, torch.ones(5, dtype=torch.bool)), np.array([0, 0, 0.25, 0.16, 1]))


def test_a_uniform_first_draws_all_rows_alike():
    rule = KMeansPlusPlus("uniform")
    state = rule.init(drawn(0, 6, 2), generator=Generator())
    open_ = torch.tensor([True, True, False, True, True, True])
    assert rule.gains(state).tolist() == [1] * 6
    assert agree(frequencies(rule, state, open_), open_.double().numpy())


def test_the_longest_is_first_unless_rows_are_given():
    rows = drawn(0, 50, 3)
    longest = int(rows.square().sum(1).argmax())
    batches = [kmeans_plus_plus(rows, 3, generator=Generator().manual_seed(seed)) for seed in range(20)]
    assert {int(batch[0]) for batch in batches} == {longest}
    assert len({tuple(batch.tolist()) for batch in batches}) > 15
    known = [kmeans_plus_plus(rows, 1, given=rows[:2], generator=Generator().manual_seed(seed)) for seed in range(20)]
    assert len({int(batch[0]) for batch in known}) > 5


def test_a_seed_fixes_the_batch_and_the_global_generator_is_left_alone():
    rows, before = drawn(0, 50, 3), torch.get_rng_state()
    for first in ("max_norm", "uniform"):
        one, two = (kmeans_plus_plus(rows, 9, first=first, generator=Generator().manual_seed(4)) for _ in range(2))
        assert torch.equal(one, two)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_same_rows_in_other_forms_are_drawn_alike():
    products = Kronecker(drawn(0, 40, 3), drawn(1, 40, 4))
    dense = products.dense()

    def batch(rows: Tensor, given: Tensor, kernel: Inner | Dense | None = None) -> list[int]:
        return kmeans_plus_plus(rows, 12, given=given, kernel=kernel, generator=Generator().manual_seed(5)).tolist()

    expected = batch(dense[:30], dense[30:])
    assert batch(products[:30], products[30:]) == expected
    assert batch(dense[:30], dense[30:], Inner()) == expected
    assert batch(torch.arange(30), torch.arange(30, 40), Dense(dense @ dense.T)) == expected
    assert batch(dense[:30].float() * 4, dense[30:].float() * 4) == expected


def test_states_are_values_and_steps_are_drawn_with_numbers_of_their_own():
    rule, rows = KMeansPlusPlus(), drawn(0, 30, 3)
    open_ = torch.ones(30, dtype=torch.bool)
    state = state_after(rule, rows, [1])
    asked = [rule.best(state, open_) for _ in range(3)]
    assert asked[0] == asked[1] == asked[2]
    after = rule.take(state, rows[[4]])
    rule.best(after, open_)
    assert rule.best(state, open_) == asked[0]
    together = rule.take(state, rows[[4, 6, 9]])
    apart = rule.take(rule.take(after, rows[[6]]), rows[[9]])
    assert together.seed == apart.seed
    assert rule.best(together, open_) == rule.best(apart, open_)
    assert len({state.seed, after.seed, together.seed}) == 3


def test_gains_are_the_distances_of_what_was_drawn():
    rows = drawn(0, 12, 2)
    selection = grow(KMeansPlusPlus(), rows, 12, generator=Generator().manual_seed(1))
    distances = squared_distances(rows.numpy(), rows.numpy())
    for step in range(1, 12):
        expected = distances[selection.ids[step], selection.ids[:step]].min()
        assert float(selection.gains[step]) == pytest.approx(expected, rel=1e-12)
    assert selection.notes == ()


def test_copies_are_drawn_evenly_when_nothing_else_is_left_and_that_is_noted():
    rows = torch.ones(6, 2)
    thirds = set()
    for seed in range(40):
        selection = grow(KMeansPlusPlus(), rows, 6, generator=Generator().manual_seed(seed))
        assert sorted(selection.ids) == [0, 1, 2, 3, 4, 5]
        assert selection.gains[1:].tolist() == [0] * 5
        assert "the last picks are drawn evenly" in selection.notes[0]
        thirds.add(selection.ids[2])
    assert len(thirds) >= 4
    two = torch.tensor([[0.0], [0], [3], [0]])
    assert {grow(KMeansPlusPlus(), two, 2, generator=Generator().manual_seed(seed)).ids[0] for seed in range(9)} == {2}


def test_weights_of_0_are_never_drawn_before_others():
    rows = torch.tensor([[0.0, 0]] * 30 + [[1e-20, 0]] + [[0, 0]] * 30, dtype=torch.float64)
    for seed in range(30):
        assert kmeans_plus_plus(rows, 2, given=rows[:1], generator=Generator().manual_seed(seed))[0] == 30


def test_small_pools_and_bad_input():
    assert kmeans_plus_plus(drawn(0, 1, 3), 1, generator=Generator()).tolist() == [0]
    assert kmeans_plus_plus(torch.zeros(0, 3), 0, generator=Generator()).tolist() == []
    with pytest.raises(ValueError, match="there are only 5 rows"):
        kmeans_plus_plus(drawn(0, 5, 3), 6, generator=Generator())
    with pytest.raises(ValueError, match="rows must be finite"):
        kmeans_plus_plus(torch.full((3, 2), torch.nan), 1, generator=Generator())
    with pytest.raises(ValueError, match="first is one of max_norm, uniform, but it is 'last'"):
        KMeansPlusPlus("last")


@pytest.mark.parametrize("first", ["max_norm", "uniform"])
def test_the_laws_of_greedy_rules(first: str):
    assert all(finding.passed for finding in check_rule(KMeansPlusPlus(first), drawn(0, 20, 4)))
    assert all(finding.passed for finding in check_rule(kmeans_plus_plus, drawn(0, 20, 4)))
