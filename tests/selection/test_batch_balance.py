"""Batch-BALanCe: the card's numbers, the closed form against enumeration and sampling, and its laws."""

from itertools import permutations, product
from math import fsum, prod

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import BatchBALanCe, BatchBALD, batch_balance, grow
from bayesal.testing import check_rule
from bayesal.types import LimitedRule, NotingRule, Selection
from tests.oracles import PAIRS, edges_cut, edges_cut_by, mixture

ROWS = torch.tensor(PAIRS, dtype=torch.float64).log()
EDGES = torch.tensor([True, False, True])


def select(rows: Tensor, batch_size: int, edges: Tensor | None = None) -> Selection:
    edges = torch.ones(rows.shape[1] // 2, dtype=torch.bool) if edges is None else edges
    return grow(BatchBALanCe(edges), rows, batch_size, generator=Generator().manual_seed(0))


def random_rows(
    seed: int, n: int, pairs: int, c: int, scale: float = 2.0, dtype: torch.dtype = torch.float64
) -> Tensor:
    """Rows of a random linear model, so that rows share what the hypotheses disagree about."""
    generator = Generator().manual_seed(seed)
    inputs = torch.randn(n, 4, generator=generator, dtype=torch.float64)
    weights = torch.randn(2 * pairs, 4, c, generator=generator, dtype=torch.float64)
    return torch.einsum("nd,kdc->nkc", inputs, scale / 2 * weights).log_softmax(-1).to(dtype)


def probabilities(rows: Tensor) -> list[list[list[float]]]:
    return rows.double().exp().tolist()


def cut(rows: Tensor, positions: list[int], edges: Tensor) -> float:
    """Δ(S) as the sum of the rule's gains."""
    rule, total = BatchBALanCe(edges), 0.0
    state = rule.init(rows, generator=Generator())
    for n in positions:
        total += float(rule.gains(state)[n])
        state = rule.take(state, rows[n : n + 1])
    assert total + rule.limit(state) == pytest.approx(float(edges.double().mean()), abs=1e-12)
    return total


# ---- the card's numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "value"),
    [
        ([0], 0.557823),
        ([1], 0.208333),
        ([2], 0.216996),
        ([0, 1], 0.591573),
        ([0, 2], 0.590137),
        ([1, 2], 0.357029),
        ([0, 0], 0.645725),
        ([0, 1, 2], 0.613806),
    ],
)
def test_the_cards_batches_in_any_order(taken: list[int], value: float) -> None:
    for order in permutations(taken):
        assert cut(ROWS, list(order), EDGES) == pytest.approx(value, abs=5e-7)
        assert cut(ROWS, list(order), EDGES) == pytest.approx(edges_cut(PAIRS, taken, [1, 0, 1]), abs=1e-14)


def test_the_card_is_grown_and_its_bound_is_the_limit() -> None:
    selection = select(ROWS, 3, EDGES)
    assert selection.ids == [0, 1, 2]
    assert selection.gains.cumsum(0).tolist() == pytest.approx([0.557823, 0.591573, 0.613806], abs=1e-6)
    assert selection.scores.tolist() == pytest.approx([0.557823, 0.208333, 0.216996], abs=1e-6)
    assert "0.614 of the 0.667" in selection.notes[0]


# ---- the closed form is the sum over all labels ----------------------------------------------------------------------


@given(
    st.integers(0, 10**6),
    st.integers(1, 4),
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.lists(st.floats(0, 3), min_size=1, max_size=4),
    st.floats(0.1, 6),
)
def test_a_batch_is_worth_what_enumerating_all_its_labels_says(
    seed: int, classes: int, taken: list[int], edges: list[float], scale: float
) -> None:
    edges[0] += 1.0
    rows = random_rows(seed, 4, len(edges), classes, scale)
    value = cut(rows, taken, torch.tensor(edges, dtype=torch.float64))
    assert value == pytest.approx(edges_cut(probabilities(rows), taken, edges), abs=1e-12)
    assert -1e-12 <= value <= sum(edges) / len(edges) + 1e-12


@given(st.integers(0, 10**6), st.floats(0.2, 5))
def test_a_batch_is_grown_as_by_brute_force(seed: int, scale: float) -> None:
    rows, edges = random_rows(seed, 6, 3, 3, scale), torch.tensor([1.0, 0.0, 0.5])
    selection = select(rows, 4, edges)
    taken: list[int] = []
    for position, gain in zip(selection.ids, selection.gains.tolist(), strict=True):
        rest = [n for n in range(6) if n not in taken]
        best = max(edges_cut(probabilities(rows), [*taken, n], edges.tolist()) for n in rest)
        before = edges_cut(probabilities(rows), taken, edges.tolist())
        taken.append(int(position))
        assert edges_cut(probabilities(rows), taken, edges.tolist()) == pytest.approx(best, abs=1e-12)
        assert gain == pytest.approx(best - before, abs=1e-12)


def sampled(rows: Tensor, edges: Tensor, num_samples: int, seed: int) -> float:
    """Δ(all rows) by ancestral sampling: one of the 2K hypotheses, then a label of each row from that hypothesis."""
    generator = Generator().manual_seed(seed)
    n, num_hypotheses, _ = rows.shape
    drawn = torch.randint(num_hypotheses, (num_samples,), generator=generator)
    labels = torch.stack([torch.multinomial(row.exp()[drawn], 1, generator=generator).squeeze(1) for row in rows])
    everyone = labels[:, None, :].expand(n, num_hypotheses, num_samples)
    relative = (rows - rows.amax(2, keepdim=True)).gather(2, everyone)
    both = relative.sum(0).view(2, num_hypotheses // 2, num_samples).sum(0).exp()
    return float((edges.double()[:, None] * (1 - both)).mean(0).mean())


@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_ten_points_are_worth_what_labels_drawn_together_say(scale: float) -> None:
    rows, edges = random_rows(1, 10, 4, 4, scale), torch.tensor([1.0, 1.0, 0.0, 1.0])
    estimates = torch.tensor([sampled(rows, edges, 4000, seed) for seed in range(40)], dtype=torch.float64)
    standard_error = float(estimates.std()) / 40**0.5
    assert standard_error < 2e-3
    assert abs(float(estimates.mean()) - cut(rows, list(range(10)), edges)) < 5 * standard_error


@pytest.mark.parametrize("taken", [[0, 1, 2], [0, 0], [0, 0, 1, 1, 2, 2]])
def test_labels_drawn_each_from_its_own_marginal_are_another_quantity(taken: list[int]) -> None:
    """The published program draws so. Its mean, enumerated here, is not Δ: labels are dependent through w."""
    marginals = [mixture(point) for point in PAIRS]
    published = fsum(
        prod(marginals[n][c] for n, c in zip(taken, labels, strict=True))
        * edges_cut_by(PAIRS, taken, labels, [1, 0, 1])
        for labels in product(range(3), repeat=len(taken))
    )
    assert published > cut(ROWS, taken, EDGES) + 1e-3
    assert cut(ROWS, taken, EDGES) == pytest.approx(edges_cut(PAIRS, taken, [1, 0, 1]), abs=1e-14)


# ---- laws ------------------------------------------------------------------------------------------------------------


def test_it_passes_the_public_checks_of_a_rule() -> None:
    rule = BatchBALanCe(torch.ones(4))
    assert check_rule(rule)
    assert check_rule(BatchBALanCe(torch.zeros(4)))
    assert isinstance(rule, LimitedRule)
    assert isinstance(rule, NotingRule)


@given(st.integers(0, 10**6), st.floats(0.1, 10))
def test_gains_are_never_negative_and_fall_as_points_are_taken(seed: int, scale: float) -> None:
    rows, rule = random_rows(seed, 8, 4, 3, scale), BatchBALanCe(torch.tensor([1.0, 0.0, 0.3, 1.0]))
    state = rule.init(rows, generator=Generator())
    gains = rule.gains(state)
    for n in range(5):
        before, limit = gains, rule.limit(state)
        state = rule.take(state, rows[n : n + 1])
        gains = rule.gains(state)
        assert (gains >= 0).all()
        assert (gains <= before * (1 + 1e-12)).all()
        assert float(gains.max()) <= rule.limit(state) * (1 + 1e-12)
        assert rule.limit(state) <= limit


@given(st.integers(0, 10**6))
def test_values_are_linear_in_the_edges(seed: int) -> None:
    rows, weights = random_rows(seed, 4, 3, 3), torch.tensor([0.5, 2.0, 0.25], dtype=torch.float64)
    single = [cut(rows, [0, 1, 2], edge) for edge in torch.eye(3, dtype=torch.float64)]
    assert cut(rows, [0, 1, 2], weights) == pytest.approx(0.5 * single[0] + 2 * single[1] + 0.25 * single[2])


@given(st.integers(0, 10**6), st.permutations(range(6)), st.permutations(range(4)), st.permutations(range(3)))
def test_the_order_of_points_pairs_classes_and_sets_does_not_matter(
    seed: int, points: list[int], pairs: list[int], labels: list[int]
) -> None:
    rows, edges = random_rows(seed, 6, 4, 3), torch.tensor([1.0, 0.0, 0.5, 1.0])
    plain = select(rows, 4, edges).gains.tolist()
    for other, weights in (
        (rows[points], edges),
        (rows[:, pairs + [k + 4 for k in pairs]], edges[pairs]),
        (rows[..., labels], edges),
        (rows.roll(4, 1), edges),
        (rows[:, [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7]], edges.repeat(2)),
    ):
        assert select(other, 4, weights).gains.tolist() == pytest.approx(plain, rel=1e-9)


def test_pairs_shuffled_point_by_point_are_another_question() -> None:
    """The consistency law: single scores cannot see it, joint gains must."""
    rows = random_rows(1, 6, 5, 3, 0.5)
    order = torch.arange(5)
    torn = torch.stack([row[torch.cat([order.roll(n), order.roll(n) + 5])] for n, row in enumerate(rows)])
    assert select(torn, 6).scores.sort().values.tolist() == pytest.approx(select(rows, 6).scores.sort().values.tolist())
    assert abs(cut(torn, [0, 1, 2], torch.ones(5)) - cut(rows, [0, 1, 2], torch.ones(5))) > 1e-3


@pytest.mark.parametrize("elements", [1, 300, 2**30])
def test_chunks_do_not_matter(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = random_rows(3, 40, 6, 3)
    plain = select(rows, 6)
    monkeypatch.setattr(batch_balance, "ELEMENTS", elements)
    chunked = select(rows, 6)
    assert chunked.ids == plain.ids
    assert chunked.gains.tolist() == pytest.approx(plain.gains.tolist(), rel=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float16, 5e-3), (torch.bfloat16, 3e-2)])
def test_any_float_dtype_gives_the_same_gains_up_to_its_precision(dtype: torch.dtype, tolerance: float) -> None:
    rows = random_rows(4, 30, 10, 5)
    assert select(rows.to(dtype), 5).gains.tolist() == pytest.approx(select(rows, 5).gains.tolist(), abs=tolerance)


@pytest.mark.parametrize("scale", [0.5, 2.0, 20.0])
def test_the_smallest_gains_of_float32_are_as_exact_as_the_largest(scale: float) -> None:
    """Terms never cancel, so what is left after many picks is still known to five digits."""
    rows, rule = random_rows(5, 40, 10, 4, scale), BatchBALanCe(torch.ones(10))
    single, double = rule.init(rows.float(), generator=Generator()), rule.init(rows, generator=Generator())
    for n in range(25):
        single, double = rule.take(single, rows[n : n + 1].float()), rule.take(double, rows[n : n + 1])
    expected = rule.gains(double)
    assert rule.limit(double) < 0.01
    torch.testing.assert_close(rule.gains(single), expected, rtol=1e-4, atol=0)


def test_edges_that_are_nearly_gone_are_still_ranked_in_float32() -> None:
    rows, rule = random_rows(6, 30, 5, 4, 8.0, torch.float32), BatchBALanCe(torch.ones(5))
    state = rule.take(rule.init(rows, generator=Generator()), rows[:1].expand(60, -1, -1))
    state = rule.take(state, rows[1:2].expand(60, -1, -1))
    assert 0 < rule.limit(state) < 1e-30
    assert (rule.gains(state) > 0).all()


def test_what_is_given_enters_like_what_was_picked() -> None:
    rows = random_rows(7, 12, 6, 3)
    whole = select(rows, 5)
    known = whole.ids[:2]
    rest = [n for n in range(12) if n not in known]
    after = grow(BatchBALanCe(torch.ones(6)), rows[rest], 3, given=rows[known].float(), generator=Generator())
    assert [rest[n] for n in after.ids] == whole.ids[2:]
    assert after.gains.tolist() == pytest.approx(whole.gains[2:].tolist(), rel=1e-4)


def test_rows_may_carry_gradients() -> None:
    assert select(ROWS.clone().requires_grad_(), 2, EDGES).ids == [0, 1]


# ---- edges of the input ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sure_hypotheses_are_told_apart_by_the_labels_they_do_not_share(dtype: torch.dtype) -> None:
    generator = Generator().manual_seed(0)
    sure = torch.randint(3, (12, 8), generator=generator)
    rows, edges = torch.eye(3, dtype=dtype)[sure].log(), torch.tensor([1.0, 1.0, 0.0, 2.0])
    selection = select(rows, 12, edges)
    assert selection.gains.isfinite().all()
    for size in (1, 2, 3):
        expected = edges_cut(rows.exp().tolist(), [int(n) for n in selection.ids[:size]], edges.tolist())
        assert float(selection.gains[:size].sum()) == pytest.approx(expected, abs=1e-6)


def test_when_all_is_told_apart_the_rest_adds_nothing() -> None:
    sure = torch.eye(4).log()[torch.tensor([[0, 1, 2, 3]] * 5)]
    selection = select(sure, 5)
    assert selection.gains.tolist() == pytest.approx([1, 0, 0, 0, 0], abs=1e-7)
    assert selection.ids == [0, 1, 2, 3, 4]
    assert selection.notes


def test_points_that_tell_nothing_of_what_is_left_tie_at_exactly_zero() -> None:
    classes = torch.tensor([[0, 0, 1, 0], [2, 2, 2, 2], [0, 1, 0, 1], [1, 1, 1, 1]])  # pairs (0, 2) and (1, 3)
    selection = select(torch.eye(3).log()[classes], 4, torch.tensor([False, True]))
    assert selection.gains.tolist() == pytest.approx([0.25, 0, 0, 0])
    assert selection.gains[1:].tolist() == [0, 0, 0]
    assert selection.ids == [2, 0, 1, 3]


def test_one_pair_and_two_classes() -> None:
    rows = random_rows(8, 6, 1, 2)
    value = edges_cut(probabilities(rows), [int(n) for n in select(rows, 3).ids], [1.0])
    assert float(select(rows, 3).gains.sum()) == pytest.approx(value, abs=1e-12)


def test_one_class_has_nothing_to_tell() -> None:
    assert select(torch.zeros(5, 4, 1), 3).gains.tolist() == [0, 0, 0]


def test_a_thousand_classes_and_sixty_picks_are_finite_in_float32() -> None:
    selection = select(random_rows(9, 70, 3, 1000, 1.0, torch.float32), 60)
    assert selection.gains.isfinite().all()
    assert (selection.gains >= 0).all()
    assert len(set(selection.ids)) == 60


def test_the_whole_pool_and_no_pool() -> None:
    assert sorted(select(ROWS, 3, EDGES).ids) == [0, 1, 2]
    assert select(ROWS[:0], 0, EDGES).ids == []
    rule = BatchBALanCe(EDGES)
    assert rule.gains(rule.init(ROWS[:0], generator=Generator())).shape == (0,)


def test_without_an_edge_batchbald_chooses_and_a_note_says_so() -> None:
    rows = random_rows(10, 20, 4, 3)
    selection = select(rows, 4, torch.zeros(4, dtype=torch.bool))
    instead = grow(BatchBALD(), rows, 4, generator=Generator().manual_seed(0))
    assert selection.ids == instead.ids
    assert torch.equal(selection.scores, instead.scores)
    assert selection.gains.tolist() == pytest.approx(instead.gains.tolist(), abs=1e-12)
    assert selection.notes[-1].startswith("none of the 4 pairs of hypotheses disagrees")
    assert not any("none of the" in note for note in select(rows, 4).notes)


@pytest.mark.parametrize(
    ("rows", "edges", "sentence"),
    [
        (torch.randn(5, 4, 3), torch.ones(2), "BatchBALanCe needs log-probabilities whose exponentials sum to 1"),
        (torch.full((5, 4, 3), torch.nan), torch.ones(2), "hold NaN"),
        (torch.zeros(5, 4), torch.ones(2), r"BatchBALanCe chooses among log-probabilities of shape \(N, K, C\)"),
        (ROWS[:, :5], torch.ones(2), "must be even, but there are 5"),
        (ROWS, torch.ones(6), "3 edges were expected"),
        (ROWS, torch.tensor([1.0, 1.0, -1.0]), "at least 0"),
        (ROWS, torch.tensor([1.0, 1.0, torch.nan]), "at least 0"),
    ],
)
def test_what_it_cannot_choose_from_gets_a_sentence(rows: Tensor, edges: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        select(rows, 2, edges)


def test_bad_given_rows_get_a_sentence() -> None:
    with pytest.raises(ValueError, match="exponentials sum to 1"):
        grow(BatchBALanCe(EDGES), ROWS, 1, given=torch.zeros(1, 6, 3), generator=Generator())
