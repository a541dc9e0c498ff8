"""k-BALD: the card's numbers, inclusion-exclusion by brute force, and BatchBALD as its end."""

import math
from itertools import combinations, permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import KBALD, BatchBALD, configurations, grow
from bayesal.testing import check_rule
from bayesal.types import LazyRule, NotingRule, Selection
from tests.oracles import POOL, Point, bald, joint_information

ROWS = torch.tensor(POOL, dtype=torch.float64).log()


def select(rows: Tensor, batch_size: int, rule: KBALD | BatchBALD | None = None) -> Selection:
    return grow(rule or KBALD(), rows, batch_size, generator=Generator().manual_seed(0))


def random_rows(seed: int, *shape: int, scale: float = 2.0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Rows of a random linear model, so that rows share what the hypotheses disagree about."""
    n, k, c = shape
    generator = Generator().manual_seed(seed)
    inputs = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    weights = torch.randn(k, 4, c, generator=generator, dtype=torch.float64)
    return torch.einsum("nd,kdc->nkc", inputs, scale / 2 * weights).log_softmax(-1).to(dtype)


def probabilities(rows: Tensor) -> list[Point]:
    return rows.double().exp().tolist()


def truncated(points: list[Point], batch: list[int], order: int) -> float:
    """a_k(S) = Σ_{∅ ≠ T ⊆ S, |T| ≤ k} (-1)^(|T|+1) I_T, where I_T = Σ_{∅ ≠ V ⊆ T} (-1)^(|V|+1) I(y_V; w).

    I_T is the interaction information of w and the labels of T; the full sum is I(y_S; w). Subsets are of places in
    the batch, so that a point may be there twice.
    """
    total = 0.0
    for size in range(1, order + 1):
        for inside in combinations(batch, size):
            for part in range(1, size + 1):
                for some in combinations(inside, part):
                    total += (-1) ** (size + part) * joint_information(points, some)
    return total


def after(rule: KBALD, rows: Tensor, taken: list[int]) -> Tensor:
    return rule.gains(rule.take(rule.init(rows, generator=Generator()), rows[taken]))


# ---- the card's numbers ------------------------------------------------------------------------------------------


def test_the_cards_value_in_any_order() -> None:
    for order in permutations([0, 1, 2]):
        total = sum(float(after(KBALD(), ROWS, list(order[:n]))[order[n]]) for n in range(3))
        assert total == pytest.approx(0.492350, abs=1e-6)
        assert total == pytest.approx(truncated(POOL, [0, 1, 2], 2), abs=1e-12)
        assert joint_information(POOL, [0, 1, 2]) == pytest.approx(0.493821, abs=1e-6)


@pytest.mark.parametrize(("pair", "information"), [([0, 1], 0.488780), ([0, 2], 0.300096), ([2, 3], 0.129135)])
def test_two_points_are_exact(pair: list[int], information: float) -> None:
    gains = float(after(KBALD(), ROWS, [])[pair[0]]) + float(after(KBALD(), ROWS, pair[:1])[pair[1]])
    assert gains == pytest.approx(information, abs=1e-6)


# ---- the oracle: inclusion-exclusion by enumeration ------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3), st.integers(1, 4))
def test_gains_are_those_of_the_truncated_expansion(
    seed: int, order: int, taken: int, classes: int, hypotheses: int
) -> None:
    rows = random_rows(seed, 5, hypotheses, classes)
    points, batch = probabilities(rows), list(range(taken))
    expected = [truncated(points, [*batch, n], order) - truncated(points, batch, order) for n in range(5)]
    assert after(KBALD(order), rows, batch).tolist() == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 10**6))
def test_order_2_is_bald_less_what_each_pair_shares(seed: int) -> None:
    rows = random_rows(seed, 6, 5, 3)
    points = probabilities(rows)
    expected = [
        bald(points[n]) - sum(bald(points[n]) + bald(points[j]) - joint_information(points, [n, j]) for j in range(4))
        for n in range(6)
    ]
    assert after(KBALD(2), rows, [0, 1, 2, 3]).tolist() == pytest.approx(expected, abs=1e-10)


@given(st.integers(0, 10**6), st.floats(0.2, 5), st.integers(2, 4))
def test_up_to_its_order_it_is_batchbald(seed: int, scale: float, order: int) -> None:
    rows = random_rows(seed, 12, 6, 3, scale=scale)
    exact, truncated_ = select(rows, order, BatchBALD()), select(rows, order, KBALD(order))
    assert truncated_.gains.tolist() == pytest.approx(exact.gains.tolist(), abs=1e-10)
    assert select(rows, order, KBALD(order + 2)).gains.tolist() == pytest.approx(exact.gains.tolist(), abs=1e-10)


def test_order_1_is_bald_alone() -> None:
    rows = random_rows(0, 20, 6, 3)
    selection = select(rows, 6, KBALD(1))
    scores = torch.tensor([bald(point) for point in probabilities(rows)], dtype=torch.float64)
    assert selection.ids == scores.argsort(descending=True)[:6].tolist()
    assert selection.gains.tolist() == pytest.approx(scores[selection.ids].tolist(), abs=1e-12)


def test_greedy_growth_is_the_brute_force_one() -> None:
    rows = random_rows(1, 7, 5, 3)
    points, chosen = probabilities(rows), list[int]()
    for _ in range(5):
        values = {n: truncated(points, [*chosen, n], 2) for n in range(7) if n not in chosen}
        chosen.append(max(values, key=lambda n: values[n]))
    assert select(rows, 5).ids == chosen


# ---- laws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 3])
def test_it_passes_the_public_checks_of_a_rule(order: int) -> None:
    assert check_rule(KBALD(order))


def test_it_is_what_it_says_it_is() -> None:
    assert isinstance(KBALD(), LazyRule)
    assert isinstance(KBALD(), NotingRule)
    assert repr(KBALD()) == "KBALD(order=2)"


@given(
    st.integers(0, 10**6),
    st.permutations(range(6)),
    st.permutations(range(5)),
    st.permutations(range(3)),
    st.integers(1, 3),
)
def test_the_order_of_points_hypotheses_and_classes_does_not_matter(
    seed: int, points: list[int], hypotheses: list[int], classes: list[int], order: int
) -> None:
    rows = random_rows(seed, 6, 5, 3)
    shuffled = rows[points][:, hypotheses][:, :, classes]
    plain, other = (select(each, 4, KBALD(order)).gains.tolist() for each in (rows, shuffled))
    assert other == pytest.approx(plain, abs=1e-10)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_order_in_which_points_were_taken_does_not_matter(order: int) -> None:
    rows = random_rows(2, 8, 5, 3)
    plain = after(KBALD(order), rows, [0, 1, 2, 3])
    assert after(KBALD(order), rows, [3, 1, 0, 2]).tolist() == pytest.approx(plain.tolist(), abs=1e-10)


def test_every_hypothesis_twice_is_the_same_belief() -> None:
    rows = random_rows(2, 8, 5, 3)
    assert select(rows.repeat(1, 2, 1), 5).gains.tolist() == pytest.approx(select(rows, 5).gains.tolist(), abs=1e-11)


def test_hypotheses_shuffled_point_by_point_are_another_question() -> None:
    rows = random_rows(1, 6, 5, 3)
    torn = torch.stack([row.roll(n, 0) for n, row in enumerate(rows)])
    assert abs(float(select(torn, 3).gains.sum() - select(rows, 3).gains.sum())) > 0.01


@pytest.mark.parametrize("elements", [1, 3000, 2**30])
def test_chunks_do_not_matter(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(3, 40, 6, 3)
    plain = select(rows, 6)
    monkeypatch.setattr(configurations, "ELEMENTS", elements)
    assert select(rows, 6).gains.tolist() == pytest.approx(plain.gains.tolist(), abs=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 1e-2), (torch.bfloat16, 5e-2)])
def test_any_float_dtype_gives_the_same_gains_up_to_its_precision(dtype: torch.dtype, tolerance: float) -> None:
    rows = random_rows(4, 30, 10, 5)
    assert select(rows.to(dtype), 5).gains.tolist() == pytest.approx(select(rows, 5).gains.tolist(), abs=tolerance)


def test_forty_picks_in_float32_add_up_no_more_than_rounding() -> None:
    rows = random_rows(5, 60, 20, 5, scale=0.3)
    taken = select(rows, 40).ids
    assert float((after(KBALD(), rows.float(), taken) - after(KBALD(), rows, taken)).abs().max()) < 1e-4


def test_the_rows_and_randomness_are_left_alone() -> None:
    rows, generator = random_rows(5, 20, 6, 3), Generator().manual_seed(0)
    before, everywhere, here = rows.clone(), torch.get_rng_state(), generator.get_state()
    grow(KBALD(3), rows, 6, generator=generator)
    assert torch.equal(rows, before)
    assert torch.equal(torch.get_rng_state(), everywhere)
    assert torch.equal(generator.get_state(), here)


def test_rows_may_carry_gradients() -> None:
    assert select(ROWS[:4].clone().requires_grad_(), 2).ids == [0, 1]


def test_what_is_given_enters_like_what_was_picked() -> None:
    rows = random_rows(7, 12, 6, 3)
    whole = select(rows, 5)
    rest = [n for n in range(12) if n not in whole.ids[:2]]
    given_ = grow(KBALD(), rows[rest], 3, given=rows[whole.ids[:2]], generator=Generator())
    assert [rest[n] for n in given_.ids] == whole.ids[2:]
    assert given_.gains.tolist() == pytest.approx(whole.gains[2:].tolist(), abs=1e-12)


# ---- many alike points ---------------------------------------------------------------------------------------------


def test_it_does_not_saturate_at_ln_k() -> None:
    rows = random_rows(8, 200, 4, 5)
    assert float(select(rows, 1).gains.sum()) < math.log(4)
    assert float(select(rows, 30, KBALD(1)).gains.sum()) > math.log(4)


def test_repeated_certain_points_have_negative_gains_and_a_note_says_so() -> None:
    selection = select(ROWS[[4, 4, 4, 4]], 4)
    assert selection.gains.tolist() == pytest.approx([math.log(3), 0, -math.log(3), -2 * math.log(3)], abs=1e-12)
    assert selection.ids == [0, 1, 2, 3]
    assert len(selection.notes) == 1
    assert "cut off after 2 labels, was negative (-2.2)" in selection.notes[0]


def test_gains_of_0_are_not_noted() -> None:
    assert select(ROWS[[4, 4]], 2).notes == ()
    assert select(ROWS[[4, 4, 4]].float(), 3, KBALD(3)).notes == ()
    assert select(random_rows(9, 30, 8, 3), 4).notes == ()


def test_negative_gains_of_rows_that_were_not_the_best_are_not_noted() -> None:
    rows = torch.cat([ROWS[[4, 4, 4]], ROWS[:1].log_softmax(-1) * 0 - math.log(3)])  # the last tells nothing at all
    selection = select(rows, 3)
    assert selection.ids[2] == 3
    assert selection.notes == ()


def test_a_first_pick_that_is_negative_because_of_what_is_given_is_noted() -> None:
    given_ = ROWS[[4, 4]]
    for batch_size in (1, 2):
        selection = grow(KBALD(), ROWS[[4, 4]], batch_size, given=given_, generator=Generator())
        assert selection.gains[0] < -1
        assert selection.notes


def test_notes_of_one_batch_are_not_those_of_another() -> None:
    rule = KBALD()
    start = rule.init(ROWS, generator=Generator())
    rule.gains(rule.take(start, ROWS[[4, 4, 4]]))
    assert rule.notes(start) == ()


# ---- edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_exact_zeros_give_no_nan(order: int, dtype: torch.dtype) -> None:
    certain = torch.eye(4, dtype=dtype)[torch.randint(4, (20, 6), generator=Generator().manual_seed(0))]
    for rows in (certain.log(), torch.cat([certain.log(), random_rows(13, 10, 6, 4, dtype=dtype)])):
        assert select(rows, 8, KBALD(order)).gains.isfinite().all()


def test_one_hypothesis_has_nothing_to_learn() -> None:
    selection = select(random_rows(14, 6, 1, 3, dtype=torch.float32), 4)
    assert selection.gains.tolist() == [0, 0, 0, 0]
    assert selection.ids == [0, 1, 2, 3]
    assert selection.notes == ()


def test_one_class_has_nothing_to_tell() -> None:
    assert select(torch.zeros(5, 4, 1), 3, KBALD(5)).gains.tolist() == [0, 0, 0]


def test_the_whole_pool_and_no_pool() -> None:
    assert sorted(select(ROWS, 5).ids) == [0, 1, 2, 3, 4]
    assert select(ROWS[:0], 0).ids == []
    assert after(KBALD(), ROWS[:0], []).shape == (0,)


def test_many_classes_in_pairs() -> None:
    assert select(random_rows(16, 10, 5, 1000, dtype=torch.float32), 4).gains.isfinite().all()


@pytest.mark.parametrize("rule", [KBALD(1), KBALD(2), KBALD(3)])
@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (torch.randn(5, 4, 3), "KBALD needs log-probabilities whose exponentials sum to 1"),
        (torch.full((5, 4, 3), torch.nan), "hold NaN"),
        (torch.zeros(5, 3), r"shape \(5, 3\)"),
    ],
)
def test_bad_rows_get_a_sentence(rule: KBALD, rows: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        select(rows, 2, rule)


def test_bad_given_rows_get_a_sentence() -> None:
    with pytest.raises(ValueError, match="exponentials that sum to"):
        grow(KBALD(), ROWS, 1, given=torch.zeros(1, 3, 3), generator=Generator())


def test_an_order_below_1_gets_a_sentence() -> None:
    with pytest.raises(ValueError, match="order must be at least 1, but it is 0"):
        KBALD(0)


def test_too_many_labels_to_list_get_a_sentence() -> None:
    with pytest.raises(
        ValueError, match="3 points with 100 classes can turn out in 1000000 ways, but KBALD lists at most"
    ):
        select(random_rows(0, 5, 3, 100), 2, KBALD(4))


# ---- the search ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("copies", [1, 3])
def test_the_search_finds_what_all_gains_would_show(dtype: torch.dtype, copies: int) -> None:
    rows = random_rows(3, 400 // copies, 12, 4, dtype=dtype).repeat(copies, 1, 1)
    rule, open_ = KBALD(2), torch.ones(len(rows), dtype=torch.bool)
    within = 1e-12 if dtype == torch.float64 else 1e-6
    state, picks = rule.init(rows, generator=Generator()), list[int]()
    for _ in range(8):
        position, gain = rule.best(state, open_)
        gains = after(rule, rows, picks).masked_fill(~open_, -torch.inf)
        assert gain == pytest.approx(float(gains.max()), abs=within)
        assert gain == pytest.approx(float(gains[position]), abs=within)
        if dtype == torch.float64:
            assert position == int((gains > gains.max() - within).nonzero()[0]), "of equals, the lowest"
        open_[position] = False
        picks.append(position)
        state = rule.take(state, rows[[position]])


def test_the_search_leaves_rows_alone_that_tell_little_by_themselves() -> None:
    rows = torch.cat([random_rows(4, 100, 12, 4), random_rows(5, 1_900, 12, 4, scale=0.1)])
    rule, open_ = KBALD(2), torch.ones(2_000, dtype=torch.bool)
    state = rule.init(rows, generator=Generator())
    for _ in range(4):
        position, _ = rule.best(state, open_)
        open_[position] = False
        state = rule.take(state, rows[[position]])
    assert 3 <= int((state.counted > 0).sum()) <= 200
