"""FisherBait: the card's numbers, objectives by brute force, and factors that are never written down."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import binary_fisher_factors, fisher_factors
from bayesal.selection import Bait, FisherBait, grow
from bayesal.testing import check_rule
from bayesal.types import Selection
from tests.selection.oracles_variance import fisher_objective, forward_backward, informations

seeds = st.integers(0, 2**32 - 1)
LOGITS = torch.tensor([[2, 0, -1], [0.2, 0.1, 0], [0, 1, 0.9], [3, -3, 0], [-1, 0.5, 0.4]], dtype=torch.float64)
FEATURES = torch.tensor([[1, 0], [1, 1], [0, 2], [2, 1], [0.5, 0.5]], dtype=torch.float64)
ROWS = fisher_factors(LOGITS, FEATURES)
INFORMATION = informations(LOGITS.numpy(), FEATURES.numpy())
RIDGE = 0.1
REGRESSION = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [2, -1], [-1, 1]], dtype=torch.float64)
BACKWARD = torch.tensor([[2, 3], [1, 1], [0, -1], [-1, 1], [-2, 3]], dtype=torch.float64)


def pick(rule: FisherBait | Bait, rows: Tensor, batch_size: int, known: Tensor | None = None) -> Selection:
    return grow(rule, rows, batch_size, given=known, generator=Generator())


def gains_after(rule: FisherBait, rows: Tensor, taken: list[int], known: Tensor | None = None) -> Tensor:
    state = rule.init(rows, generator=Generator())
    state = state if known is None else rule.know(state, known)
    return rule.gains(rule.take(state, rows[taken]) if taken else state)


def points(seed: int, n: int, classes: int = 3, width: int = 2, scale: float = 1.5) -> tuple[Tensor, Tensor]:
    generator = Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator, dtype=torch.float64) * scale
    return logits, torch.randn(n, width, generator=generator, dtype=torch.float64)


def of_features(rows: Tensor) -> np.ndarray:
    return np.stack([np.outer(row, row) for row in rows.double().numpy()])


def objective(information: np.ndarray, taken: list[int], ridge: float = RIDGE) -> float:
    return fisher_objective(information, [], taken, ridge, "sum", 1)


def test_the_worked_numbers_of_single_points():
    assert ROWS.square().sum((1, 2)).tolist() == pytest.approx(
        [0.273205, 1.3289, 2.48676, 0.473142, 0.293682], rel=1e-5
    )
    assert objective(INFORMATION, []) == pytest.approx(9.71137, rel=1e-5)
    gains = gains_after(FisherBait(RIDGE, "sum"), ROWS, [])
    assert gains.tolist() == pytest.approx([1.5563, 5.95336, 6.26794, 2.72946, 3.85036], rel=1e-5)
    singletons = [8.15507, 3.75801, 3.44343, 6.98191, 5.86101]
    assert (9.71137 - gains).tolist() == pytest.approx(singletons, rel=1e-5)


def test_the_worked_numbers_of_all_pairs():
    expected = {
        (1, 2): 1.06085,
        (2, 3): 1.85575,
        (0, 2): 1.88713,
        (2, 4): 2.26602,
        (0, 1): 2.93498,
        (1, 3): 3.44946,
        (1, 4): 3.60775,
        (3, 4): 4.76571,
        (0, 4): 4.95643,
        (0, 3): 6.25173,
    }
    start, rule = objective(INFORMATION, []), FisherBait(RIDGE, "sum")
    alone = gains_after(rule, ROWS, [])
    for first, second in combinations(range(5), 2):
        seen = start - float(alone[first] + gains_after(rule, ROWS, [first])[second])
        assert seen == pytest.approx(expected[first, second], rel=1e-5)
        assert seen == pytest.approx(objective(INFORMATION, [first, second]), rel=1e-9)


def test_the_worked_choice_forward_and_backward():
    rule = FisherBait(RIDGE, "sum")
    assert pick(FisherBait(RIDGE, "sum", 1), ROWS, 4).ids == [2, 1, 3, 0]
    both = pick(rule, ROWS, 2)
    assert both.ids == [2, 1]
    assert objective(INFORMATION, []) - float(both.gains.sum()) == pytest.approx(1.06085, rel=1e-5)
    state = rule.take(rule.init(ROWS, generator=Generator()), ROWS[[2, 1, 3, 0]])
    few = rule.narrowed(state, torch.tensor([2, 1, 3, 0]))
    assert int(rule.costs(few).argmin()) == 3  # point 0
    few = rule.drop(few, ROWS[[0]])
    assert rule.costs(few).isnan().tolist() == [False, False, False, True]
    assert int(rule.costs(few)[:3].argmin()) == 2  # point 3
    lost = objective(INFORMATION, [2, 1]) - objective(INFORMATION, [2, 1, 3])
    assert float(rule.costs(few)[2]) == pytest.approx(lost, rel=1e-9)


@pytest.mark.parametrize(
    ("weighting", "start", "singletons", "end"),
    [
        ("reference", 8.84297, [3.74423, 2.80224, 6.87561, 5.97666], 1.32959),
        ("average", 8.84297, [4.626, 3.38725, 7.36805, 6.92573], 2.10448),
        ("sum", 8.15507, [2.93498, 1.88713, 6.25173, 4.95643], 0.888575),
    ],
)
def test_the_worked_weightings(weighting: str, start: float, singletons: list[float], end: float):
    rule, rows, known = FisherBait(RIDGE, weighting), ROWS[1:], ROWS[:1]
    assert fisher_objective(INFORMATION, [0], [], RIDGE, weighting, 2) == pytest.approx(start, rel=1e-5)
    gains = gains_after(rule.of_size(2), rows, [], known)
    assert (start - gains).tolist() == pytest.approx(singletons, rel=1e-5)
    both = pick(rule, rows, 2, known)
    assert sorted(both.ids) == [0, 1]  # points 1 and 2
    assert start - float(both.gains.sum()) == pytest.approx(end, rel=1e-5)


def test_reference_is_the_default():
    assert FisherBait() == FisherBait(1.0, "reference", 2)


def test_the_worked_numbers_of_regression():
    rule, ridge = FisherBait(0.5, "sum"), 0.5
    gains = gains_after(rule, REGRESSION, [])
    assert gains.tolist() == pytest.approx([1.77067, 0.810667, 0.896, 2.90909, 2.4064], rel=1e-5)
    information = of_features(REGRESSION)
    assert objective(information, [], ridge) == pytest.approx(4)
    for pair, expected in {(2, 3): 0.596966, (1, 3): 0.605793, (3, 4): 0.840421, (0, 3): 0.864}.items():
        seen = 4 - float(gains[pair[0]] + gains_after(rule, REGRESSION, [pair[0]])[pair[1]])
        assert seen == pytest.approx(expected, rel=1e-5)
        assert seen == pytest.approx(objective(information, list(pair), ridge), rel=1e-9)


def test_second_thoughts_drop_the_first_picks():
    assert pick(FisherBait(RIDGE, "sum", 1), BACKWARD, 4).ids == [2, 1, 4, 0]
    both, start = pick(FisherBait(RIDGE, "sum"), BACKWARD, 2), objective(of_features(BACKWARD), [])
    assert both.ids == [4, 0]
    assert start - float(both.gains.sum()) == pytest.approx(0.478958, rel=1e-5)
    forward = pick(FisherBait(RIDGE, "sum", 1), BACKWARD, 2)
    assert start - float(forward.gains.sum()) == pytest.approx(6.73282, rel=1e-5)


@pytest.mark.parametrize("weighting", ["reference", "average", "sum"])
@given(seed=seeds)
@settings(max_examples=4)
def test_each_pick_and_each_drop_is_the_best_by_brute_force(weighting: str, seed: int):
    logits, features = points(seed, 11)
    information, rows = informations(logits.numpy(), features.numpy()), fisher_factors(logits, features)
    for known, over_selection in (([], 1), ([], 2), ([0, 1], 2)):
        choices = [n for n in range(11) if n not in known]

        def value(taken: list[int], known: list[int] = known) -> float:
            return fisher_objective(information, known, taken, RIDGE, weighting, 4)

        # F counts all 11, so what is known comes from the same list.
        selection = pick(FisherBait(RIDGE, weighting, over_selection), rows[choices], 4, rows[known] if known else None)
        chosen = [choices[i] for i in selection.positions.tolist()]
        assert chosen == forward_backward(value, choices, 4, over_selection)
        for step in range(4):
            drop = value(chosen[:step]) - value(chosen[: step + 1])
            assert float(selection.gains[step]) == pytest.approx(drop, rel=1e-8)


@given(seed=seeds)
@settings(max_examples=5)
def test_rows_written_down_choose_what_products_choose(seed: int):
    rows = fisher_factors(*points(seed, 40, 4, 3))
    for over_selection in (1, 2):
        rule = FisherBait(0.01, "reference", over_selection)
        products, dense = pick(rule, rows[3:], 8, rows[:3]), pick(rule, rows.dense()[3:], 8, rows.dense()[:3])
        assert products.ids == dense.ids
        torch.testing.assert_close(products.gains, dense.gains, rtol=1e-8, atol=1e-12)
        torch.testing.assert_close(products.scores, dense.scores, rtol=1e-8, atol=1e-12)


def test_more_picks_than_features_start_anew_and_change_nothing():
    logits, features = points(3, 30)
    information = informations(logits.numpy(), features.numpy())
    for over_selection in (1, 2):
        selection = pick(FisherBait(0.01, "sum", over_selection), fisher_factors(logits, features), 15)
        for step in range(15):
            before, after = selection.ids[:step], selection.ids[: step + 1]
            drop = objective(information, before, 0.01) - objective(information, after, 0.01)
            assert float(selection.gains[step]) == pytest.approx(drop, rel=1e-7)
    gains = pick(FisherBait(0.01, "sum", 1), fisher_factors(logits, features), 30).gains
    left = objective(information, list(range(30)), 0.01)
    assert float(gains.sum()) == pytest.approx(objective(information, [], 0.01) - left, rel=1e-9)
    assert (gains > 0).all()


@given(seed=seeds)
@settings(max_examples=5)
def test_a_constant_on_all_logits_and_the_order_of_rows_and_classes_do_not_matter(seed: int):
    logits, features = points(seed, 25)
    rule = FisherBait(RIDGE)
    chosen = pick(rule, fisher_factors(logits, features), 5)
    shifted = pick(rule, fisher_factors(logits + 7.0, features), 5)
    renamed = pick(rule, fisher_factors(logits[:, [2, 0, 1]], features), 5)
    order = torch.randperm(25, generator=Generator().manual_seed(seed))
    moved = pick(rule, fisher_factors(logits, features)[order], 5)
    assert chosen.ids == shifted.ids == renamed.ids == order[moved.positions].tolist()
    for other in (shifted, renamed, moved):
        torch.testing.assert_close(other.gains, chosen.gains, rtol=1e-8, atol=0)


def test_a_forward_batch_begins_like_a_smaller_one():
    rows = fisher_factors(*points(4, 50))
    batch = pick(FisherBait(RIDGE, "sum", 1), rows, 20).ids
    assert pick(FisherBait(RIDGE, "sum", 1), rows, 7).ids == batch[:7]


@given(seed=seeds)
@settings(max_examples=5)
def test_on_features_it_is_bait_with_a_noise_of_the_regularisation(seed: int):
    rows = binary_fisher_factors(*points(seed, 30, 5, 4))
    for over_selection in (1, 2):
        fisher = pick(FisherBait(RIDGE, "sum", over_selection), rows[4:], 6, rows[:4])
        bait = pick(Bait(RIDGE**0.5, over_selection), rows[4:], 6, rows[:4])
        assert fisher.ids == bait.ids
        torch.testing.assert_close(fisher.gains * 30 * RIDGE, bait.gains, rtol=1e-8, atol=1e-14)


def test_with_two_classes_one_against_the_other_is_all_there_is():
    """(diag p - p pᵀ) = 2 p (1 - p) u uᵀ with the unit vector u, so both rules see the same."""
    logits, features = points(5, 30, 2, 3)
    both = pick(FisherBait(RIDGE), fisher_factors(logits, features), 8)
    one = pick(FisherBait(RIDGE), binary_fisher_factors(logits, features) * 2**0.5, 8)
    assert both.ids == one.ids
    torch.testing.assert_close(both.gains, one.gains, rtol=1e-8, atol=0)


def test_float32_rows_choose_as_float64_does():
    logits, features = points(6, 300, 4, 6)
    rows = fisher_factors(logits.float(), features.float())
    exact = Kronecker(rows.left.double(), rows.right.double())
    for ridge, over_selection in ((1.0, 2), (1e-2, 1), (1e-5, 2)):
        lower = pick(FisherBait(ridge, "reference", over_selection), rows[20:], 20, rows[:20])
        higher = pick(FisherBait(ridge, "reference", over_selection), exact[20:], 20, exact[:20])
        assert lower.ids == higher.ids
        assert lower.gains.dtype == torch.float64
        torch.testing.assert_close(lower.gains, higher.gains, rtol=1e-9, atol=0)
    assert len(pick(FisherBait(), rows.dense().half(), 5)) == 5


def test_certain_points_tell_nothing_and_come_last():
    logits, features = points(7, 6)
    logits[[0, 3]] = torch.tensor([0.0, 900.0, 0.0], dtype=torch.float64)
    rows = fisher_factors(logits, features)
    assert gains_after(FisherBait(RIDGE), rows, [])[[0, 3]].tolist() == [0, 0]
    selection = pick(FisherBait(RIDGE, over_selection=1), rows, 6)
    assert selection.ids[4:] == [0, 3]
    assert (selection.gains[:4] > 0).all()
    assert selection.gains[4:].tolist() == [0, 0]
    assert not {0, 3} & set(pick(FisherBait(RIDGE), rows, 4).ids)


def test_equal_rows_are_taken_from_the_lowest_on_and_dropped_from_the_lowest_on():
    logits, features = points(8, 1)
    rows = fisher_factors(logits.expand(50, -1), features.expand(50, -1))
    assert pick(FisherBait(RIDGE, over_selection=1), rows, 6).ids == list(range(6))
    assert pick(FisherBait(RIDGE), rows, 3).ids == [3, 4, 5]
    nothing = fisher_factors(torch.zeros(5, 3), torch.zeros(5, 2))
    assert pick(FisherBait(over_selection=1), nothing, 5).ids == list(range(5))
    assert pick(FisherBait(), nothing, 2).gains.tolist() == [0, 0]
    twice = pick(FisherBait(RIDGE, over_selection=1), ROWS[[2, 1, 2, 1]], 4)
    assert twice.ids[:2] == [0, 1]
    assert (twice.gains > 0).all()


def test_the_whole_pool_is_a_batch_and_twice_the_batch_at_most_the_pool():
    assert sorted(pick(FisherBait(RIDGE), ROWS, 5).ids) == list(range(5))
    expected = forward_backward(lambda taken: objective(INFORMATION, taken), list(range(5)), 3, 2)
    assert pick(FisherBait(RIDGE, "sum"), ROWS, 3).ids == expected
    assert pick(FisherBait(), ROWS[:0], 0).ids == []
    assert pick(FisherBait(RIDGE, "sum"), ROWS[:1], 1).ids == [0]
    with pytest.raises(ValueError, match="batch"):
        pick(FisherBait(), ROWS, 6)


def test_the_laws_of_greedy_rules():
    rows = fisher_factors(*points(9, 20))
    for rule in (FisherBait(), FisherBait(RIDGE, "sum", 1)):
        assert all(finding.passed for finding in check_rule(rule, rows.dense()))
    assert all(finding.passed for finding in check_rule(FisherBait(RIDGE, "average"), rows.dense().float()))
    assert all(finding.passed for finding in check_rule(FisherBait(), points(10, 20)[1]))


def test_without_labels_there_must_be_a_regularisation():
    with pytest.raises(ValueError, match=r"the 0 known rows with a regularisation of 0 has no inverse; give a larger"):
        pick(FisherBait(0), ROWS, 1)
    features = points(11, 20)[1]
    expected = forward_backward(
        lambda taken: fisher_objective(of_features(features), [0, 1, 2], taken, 0.0, "sum", 4), list(range(3, 20)), 4, 2
    )
    assert pick(FisherBait(0, "sum"), features[3:], 4, features[:3]).ids == [n - 3 for n in expected]


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf")])
def test_bad_settings_get_a_sentence(value: float):
    with pytest.raises(ValueError, match="regularisation must be at least 0"):
        FisherBait(value)
    with pytest.raises(ValueError, match="over_selection must be at least 1"):
        FisherBait(over_selection=value)
    with pytest.raises(ValueError, match="weighting must be one of reference, average, sum, but it is 'mean'"):
        FisherBait(weighting="mean")


def test_bad_rows_get_a_sentence():
    for bad in (torch.nan, torch.inf):
        broken = Kronecker(ROWS.left, ROWS.right.index_fill(0, torch.tensor([3]), bad))
        with pytest.raises(ValueError, match="features must be finite numbers, but row 3 holds"):
            pick(FisherBait(), broken, 1)
        with pytest.raises(ValueError, match="features must be finite numbers, but known row 3 holds"):
            pick(FisherBait(), ROWS, 1, broken)
    for rows in (torch.zeros(4), torch.zeros(4, 2, 2, 2), torch.zeros(4, 2, dtype=torch.int64), torch.zeros(4, 0)):
        with pytest.raises(ValueError, match="FisherBait chooses among features of shape"):
            pick(FisherBait(), rows, 1)
    with pytest.raises(ValueError, match=r"D = 6 is above the limit of 5: use binary_fisher_factors"):
        pick(FisherBait(most_features=5), ROWS, 1)
