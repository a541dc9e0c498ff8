"""JEPIG: the card's numbers, the information of two sets of labels by brute force, and laws of targets."""

import math
from itertools import permutations, product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import JEPIG, BatchBALD, configurations, difference, grow
from bayesal.selection.difference import Difference
from bayesal.testing import check_rule
from bayesal.types import LazyRule, LimitedRule, NotingRule, Selection
from tests.oracles import FIXTURE, POOL, Point, bald

ROWS = torch.tensor(POOL, dtype=torch.float64).log()
TARGETS = torch.tensor([FIXTURE["t0"], FIXTURE["t1"]], dtype=torch.float64).log()


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def select(rows: Tensor, targets: Tensor, batch_size: int, num_configurations: int = 10_000) -> Selection:
    return grow(JEPIG(targets, num_configurations), rows, batch_size, generator=seeded())


def after(rule: JEPIG, rows: Tensor, taken: list[int], seed: int = 0) -> Difference:
    return rule.take(rule.init(rows, generator=seeded(seed)), rows[taken])


def gains(rule: JEPIG, rows: Tensor, taken: list[int] | None = None) -> list[float]:
    return rule.gains(after(rule, rows, taken or [])).tolist()


def random_rows(seed: int, *shape: int, scale: float = 2.0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Rows of a random linear model; the same seed and K are the same hypotheses of the first C classes."""
    n, k, c = shape
    generator = seeded(seed)
    weights = torch.randn(k, 4, 60, generator=generator, dtype=torch.float64)[..., :c]
    inputs = torch.randn(n + 30, 4, generator=generator, dtype=torch.float64)[:n]
    return torch.einsum("nd,kdc->nkc", inputs, scale / 2 * weights).log_softmax(-1).to(dtype)


def rows_and_targets(seed: int, n: int, t: int, k: int, c: int, **how: float) -> tuple[Tensor, Tensor]:
    both = random_rows(seed, n + t, k, c, **how)
    return both[:n], both[n:]


def probabilities(rows: Tensor) -> list[Point]:
    return rows.double().exp().tolist()


def shared_information(points: list[Point], batch: list[int], targets: list[Point]) -> float:
    """I(y_S; Y_T) = Σ_{y_S, Y_T} p(y_S, Y_T) ln [ p(y_S, Y_T) / p(y_S) p(Y_T) ], label by label."""
    hypotheses = range(len(targets[0]))
    ours = [
        [math.prod(points[i][k][c] for i, c in zip(batch, labels, strict=True)) for k in hypotheses]
        for labels in product(range(len(points[0][0])), repeat=len(batch))
    ]
    theirs = [
        [math.prod(target[k][c] for target, c in zip(targets, labels, strict=True)) for k in hypotheses]
        for labels in product(range(len(targets[0][0])), repeat=len(targets))
    ]
    terms = []
    for one in ours:
        for other in theirs:
            joint = math.fsum(a * b for a, b in zip(one, other, strict=True)) / len(hypotheses)
            if joint > 0:
                apart = math.fsum(one) * math.fsum(other) / len(hypotheses) ** 2
                terms.append(joint * math.log(joint / apart))
    return math.fsum(terms)


# ---- the card's numbers ------------------------------------------------------------------------------------------


def test_the_cards_values() -> None:
    assert gains(JEPIG(TARGETS), ROWS) == pytest.approx([0.145971, 0.145971, 0.00491162, 0.0597020, 0.479027], rel=4e-6)
    assert gains(JEPIG(TARGETS[:1]), ROWS) == pytest.approx(
        [0.142922, 0.142922, 0.00479691, 0.0585291, 0.459580], rel=4e-6
    )


def test_the_cards_batch_in_any_order() -> None:
    for first, second in permutations([0, 2]):
        total = gains(JEPIG(TARGETS), ROWS)[first] + gains(JEPIG(TARGETS), ROWS, [first])[second]
        assert total == pytest.approx(0.148819, abs=1e-6)


def test_a_certain_point_tells_all_that_can_be_told_of_the_targets() -> None:
    rule = JEPIG(TARGETS)
    assert rule.limit(after(rule, ROWS, [])) == pytest.approx(gains(rule, ROWS)[4], abs=1e-12)
    assert rule.limit(after(rule, ROWS, [4])) == pytest.approx(0, abs=1e-12)
    selection = select(ROWS, TARGETS, 3)
    assert selection.ids == [4, 0, 1]
    assert selection.gains[1:].tolist() == [0, 0]
    assert "0.479 of the 0.479" in selection.notes[0]


# ---- the oracle: two sets of labels by enumeration ------------------------------------------------------------------


@given(
    st.integers(0, 10**6), st.integers(0, 2), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)
)
def test_gains_are_what_labels_share_with_the_targets(
    seed: int, taken: int, targets: int, classes: int, others: int, hypotheses: int
) -> None:
    """The targets may have other classes than the pool."""
    rows, goal = random_rows(seed, 4, hypotheses, classes), random_rows(seed, 8, hypotheses, others)[4 : 4 + targets]
    points, goals, batch = probabilities(rows), probabilities(goal), list(range(taken))
    before = shared_information(points, batch, goals)
    expected = [shared_information(points, [*batch, n], goals) - before for n in range(4)]
    state = after(JEPIG(goal), rows, batch)
    assert state.unclamped(torch.arange(4)).tolist() == pytest.approx(expected, abs=1e-11)
    assert JEPIG(goal).gains(state).tolist() == pytest.approx(expected, abs=1e-11)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.3, 5))
def test_picks_and_gains_are_those_of_enumeration(seed: int, scale: float) -> None:
    rows, targets = rows_and_targets(seed, 6, 2, 5, 3, scale=scale)
    points, goals = probabilities(rows), probabilities(targets)
    selection = select(rows, targets, 3)
    chosen, total = list[int](), 0.0
    for pick, gain in zip(selection.ids, selection.gains.tolist(), strict=True):
        values = {n: shared_information(points, [*chosen, n], goals) for n in range(6) if n not in chosen}
        assert values[pick] == pytest.approx(max(values.values()), abs=1e-10)  # as good as any: there may be ties
        assert gain == pytest.approx(values[pick] - total, abs=1e-10)
        chosen.append(pick)
        total = values[pick]


# ---- laws of targets -------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.2, 6))
def test_it_is_at_most_bald_and_at_least_what_one_target_shares(seed: int, scale: float) -> None:
    rows, targets = rows_and_targets(seed, 6, 3, 5, 3, scale=scale)
    joint = torch.tensor(gains(JEPIG(targets), rows))
    single = torch.tensor([gains(JEPIG(target[None]), rows) for target in targets])
    assert (joint <= torch.tensor([bald(point) for point in probabilities(rows)]) + 1e-6).all()
    assert (joint >= single.amax(0) - 1e-6).all()


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_it_is_batchbald_if_the_targets_identify_the_hypothesis(seed: int) -> None:
    rows = random_rows(seed, 8, 4, 3)
    certain = torch.tensor([[0, 0, 1, 1], [0, 1, 0, 1]])
    targets = torch.eye(2, dtype=torch.float64)[certain].log()
    expected = grow(BatchBALD(), rows, 4, generator=seeded())
    assert select(rows, targets, 4).gains.tolist() == pytest.approx(expected.gains.tolist(), abs=1e-11)


def test_targets_that_every_hypothesis_predicts_alike_share_nothing() -> None:
    alike = ROWS[:2, :1].expand(-1, 3, -1)
    assert gains(JEPIG(alike), ROWS) == [0] * 5


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.permutations(range(4)))
def test_gains_add_up_to_the_same_in_any_order(seed: int, order: list[int]) -> None:
    rows, targets = rows_and_targets(seed, 4, 3, 6, 3)
    rule = JEPIG(targets)
    totals = [sum(gains(rule, rows, list(o[:n]))[o[n]] for n in range(4)) for o in (order, [0, 1, 2, 3])]
    assert totals[0] == pytest.approx(totals[1], abs=1e-11)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_what_was_gained_and_what_can_be_gained_add_up_to_at_most_the_first_limit(seed: int) -> None:
    """Both are informations about the targets; with what the batch leaves of w, H(w | y_S) bounds it too."""
    rows, targets = rows_and_targets(seed, 6, 2, 5, 3)
    rule = JEPIG(targets)
    state = rule.init(rows, generator=seeded())
    first, total = rule.limit(state), 0.0
    assert first == pytest.approx(grow(BatchBALD(), targets, 2, generator=seeded()).gains.sum().item(), abs=1e-11)
    for n in range(6):
        assert float(rule.gains(state).max()) <= rule.limit(state) + 1e-11
        total += float(rule.gains(state)[n])
        state = rule.take(state, rows[[n]])
        assert rule.limit(state) == pytest.approx(first - total, abs=1e-10)
    assert 0 <= total <= first + 1e-11


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.permutations(range(3)), st.permutations(range(6)), st.permutations(range(5)))
def test_the_order_of_targets_points_and_hypotheses_does_not_matter(
    seed: int, order: list[int], points: list[int], hypotheses: list[int]
) -> None:
    rows, targets = rows_and_targets(seed, 6, 3, 5, 3)
    plain = select(rows, targets, 3).gains.tolist()
    shuffled = select(rows[points][:, hypotheses], targets[order][:, hypotheses], 3).gains.tolist()
    assert shuffled == pytest.approx(plain, abs=1e-10)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.permutations(range(3)), st.permutations(range(3)))
def test_the_order_of_classes_does_not_matter(seed: int, ours: list[int], theirs: list[int]) -> None:
    rows, targets = rows_and_targets(seed, 6, 2, 5, 3)
    plain = gains(JEPIG(targets), rows, [0, 1])
    assert gains(JEPIG(targets[..., theirs]), rows[..., ours], [0, 1]) == pytest.approx(plain, abs=1e-11)


def test_hypotheses_that_are_not_the_same_at_rows_and_targets_are_another_question() -> None:
    rows, targets = rows_and_targets(1, 6, 2, 5, 3)
    assert gains(JEPIG(targets.roll(1, 1)), rows) != pytest.approx(gains(JEPIG(targets), rows), abs=1e-3)


def test_every_hypothesis_twice_is_the_same_belief() -> None:
    rows, targets = rows_and_targets(2, 8, 2, 5, 3)
    twice = select(rows.repeat(1, 2, 1), targets.repeat(1, 2, 1), 4)
    assert twice.gains.tolist() == pytest.approx(select(rows, targets, 4).gains.tolist(), abs=1e-11)


def test_a_repeated_target_is_a_second_label_of_it() -> None:
    rows, targets = rows_and_targets(3, 4, 1, 5, 3)
    goals = probabilities(targets)
    expected = [shared_information(probabilities(rows), [n], goals * 2) for n in range(4)]
    assert gains(JEPIG(targets.expand(2, -1, -1)), rows) == pytest.approx(expected, abs=1e-11)


def test_it_prefers_what_matters_to_the_targets() -> None:
    """Hypotheses that disagree in two independent ways; the targets see one of them, BALD the larger one."""
    signs = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], dtype=torch.float64)
    about = lambda way, size: torch.stack([size * signs[:, way], -size * signs[:, way]], -1).log_softmax(-1)  # noqa: E731
    rows = torch.stack([about(0, 2.0), about(1, 1.0)])
    assert grow(BatchBALD(), rows, 1, generator=seeded()).ids == [0]
    selection = select(rows, about(1, 1.5)[None], 2)
    assert selection.ids == [1, 0]
    assert selection.gains[1] == 0


# ---- laws of a rule ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_configurations", [7, 100, 10_000])
def test_it_passes_the_public_checks_of_a_rule(num_configurations: int) -> None:
    targets = torch.randn(6, 8, 3, generator=seeded(5), dtype=torch.float64).log_softmax(-1)
    assert check_rule(JEPIG(targets, num_configurations))


def test_it_is_what_it_says_it_is() -> None:
    rule = JEPIG(TARGETS)
    assert isinstance(rule, LazyRule)
    assert isinstance(rule, LimitedRule)
    assert isinstance(rule, NotingRule)
    assert repr(rule) == "JEPIG(2 targets, num_configurations=10000)"


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.2, 8), st.integers(1, 3))
def test_the_lazy_search_finds_what_computing_every_gain_finds(seed: int, scale: float, targets: int) -> None:
    rows, goal = rows_and_targets(seed, 60, targets, 8, 3, scale=scale)
    rule = JEPIG(goal)
    state, open_ = rule.init(rows, generator=seeded()), torch.ones(60, dtype=torch.bool)
    with pytest.MonkeyPatch.context() as patch:  # so few that bounds, merging and the order of blocks all take part
        patch.setattr(difference, "FAVOURITES", 2)
        patch.setattr(difference, "GROUPS", 8)
        for _ in range(4):
            position, gain = rule.best(state, open_)
            every = rule.gains(rule.take(state, rows[:0])).masked_fill(~open_, -1)
            assert gain == pytest.approx(float(every.max()), abs=1e-10)
            assert float(every[position]) == pytest.approx(gain, abs=1e-10)
            open_[position] = False
            state = rule.take(state, rows[[position]])


@pytest.mark.parametrize(("num_configurations", "share"), [(10_000, 0.3), (1_000, 0.7)])
def test_the_search_computes_few_gains(num_configurations: int, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, targets = rows_and_targets(0, 2000, 6, 20, 3, scale=6.0)
    rule, computed = JEPIG(targets, num_configurations), list[int]()
    start = rule.init(rows, generator=seeded())
    first = int(rule.gains(start).argmax())
    state, open_ = rule.take(start, rows[[first]]), torch.arange(2000) != first
    assert state.informed.exact == (num_configurations == 10_000)
    information = configurations.Configurations.information

    def counted(self: configurations.Configurations, log_probabilities: Tensor) -> Tensor:
        computed.append(len(self) * len(log_probabilities))
        return information(self, log_probabilities)

    monkeypatch.setattr(configurations.Configurations, "information", counted)
    rule.best(state, open_)
    assert sum(computed) < share * len(rows) * len(state.informed)


@pytest.mark.parametrize("num_configurations", [10_000, 50])
@pytest.mark.parametrize("elements", [1, 3000, 2**30])
def test_chunks_do_not_matter(num_configurations: int, elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, targets = rows_and_targets(3, 30, 4, 6, 3)
    plain = select(rows, targets, 4, num_configurations)
    monkeypatch.setattr(configurations, "ELEMENTS", elements)
    chunked = select(rows, targets, 4, num_configurations)
    assert chunked.ids == plain.ids
    assert chunked.gains.tolist() == pytest.approx(plain.gains.tolist(), abs=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 1e-2), (torch.bfloat16, 5e-2)])
def test_any_float_dtype_gives_the_same_gains_up_to_its_precision(dtype: torch.dtype, tolerance: float) -> None:
    rows, targets = rows_and_targets(4, 30, 3, 10, 5)
    precise = select(rows, targets, 3).gains.tolist()
    assert select(rows.to(dtype), targets.to(dtype), 3).gains.tolist() == pytest.approx(precise, abs=tolerance)
    assert select(rows.to(dtype), targets, 3).gains.tolist() == pytest.approx(precise, abs=tolerance)
    assert select(rows, targets.to(dtype), 3).gains.tolist() == pytest.approx(precise, abs=tolerance)


def test_rows_targets_and_the_global_generator_are_left_alone() -> None:
    rows, targets = rows_and_targets(5, 20, 5, 6, 3)
    before, goal, state = rows.clone(), targets.clone(), torch.get_rng_state()
    select(rows, targets, 5, 20)
    assert torch.equal(rows, before)
    assert torch.equal(targets, goal)
    assert torch.equal(torch.get_rng_state(), state)


def test_rows_and_targets_may_carry_gradients() -> None:
    assert select(ROWS.clone().requires_grad_(), TARGETS.clone().requires_grad_(), 1).ids == [4]


def test_a_seed_fixes_the_batch() -> None:
    rows, targets = rows_and_targets(6, 30, 6, 8, 4)
    rule = JEPIG(targets, 40)
    first, again, other = (grow(rule, rows, 6, generator=seeded(seed)) for seed in (0, 0, 1))
    assert first.ids == again.ids
    assert torch.equal(first.gains, again.gains)
    assert not torch.equal(first.gains, other.gains)


def test_what_is_given_enters_like_what_was_picked() -> None:
    rows, targets = rows_and_targets(7, 12, 2, 6, 3)
    whole = select(rows, targets, 4)
    rest = [n for n in range(12) if n not in whole.ids[:2]]
    after_ = grow(JEPIG(targets), rows[rest], 2, given=rows[whole.ids[:2]], generator=seeded())
    assert [rest[n] for n in after_.ids] == whole.ids[2:]
    assert after_.gains.tolist() == pytest.approx(whole.gains[2:].tolist(), abs=1e-12)


# ---- sampled configurations ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [[], [0, 1, 2, 3]])
def test_sampled_gains_are_right_on_average(taken: list[int]) -> None:
    """Before they are kept from being negative: within 5 standard errors of the enumeration, over 60 seeds."""
    rows, targets = rows_and_targets(8, 12, 4, 6, 3)
    exact = torch.tensor(gains(JEPIG(targets), rows, taken))
    everything, rule = torch.arange(12), JEPIG(targets, 30)
    sampled = torch.stack([after(rule, rows, taken, seed).unclamped(everything) for seed in range(60)])
    standard_error = sampled.std(0) / len(sampled) ** 0.5
    assert ((sampled.mean(0) - exact).abs() < 5 * standard_error + 1e-12).all()


def test_sampled_gains_below_0_are_given_as_0() -> None:
    rows, targets = rows_and_targets(8, 40, 6, 6, 3, scale=0.3)
    state = after(JEPIG(targets, 3), rows, [0, 1, 2, 3])
    raw = state.unclamped(torch.arange(40))
    assert (raw < 0).any()
    assert torch.equal(state.gains(), raw.clamp_min(0).masked_fill(raw.abs() < 1e-12, 0))


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_batches_of_sampled_gains_share_as_much_as_exact_ones(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difference, "FAVOURITES", 8)  # so that screening has something to leave out
    monkeypatch.setattr(difference, "FINALISTS", 16)
    monkeypatch.setattr(difference, "GROUPS", 100)
    rows, targets = rows_and_targets(9, 150, 5, 20, 3, scale=scale)
    exact = float(select(rows, targets, 4, 10**5).gains.sum())
    batch = select(rows, targets, 4, 1000).ids
    rule = JEPIG(targets, 10**5)
    told = rule.limit(after(rule, rows, [])) - rule.limit(after(rule, rows, batch))
    assert told > 0.96 * exact


def test_sixty_targets_of_forty_seven_classes_do_not_underflow_in_float32() -> None:
    rows = random_rows(10, 80, 10, 47, scale=0.1, dtype=torch.float32)
    selection = select(rows[:20], rows[20:], 5, 300)
    assert selection.gains.isfinite().all()
    assert (selection.gains >= 0).all()
    assert float(selection.scores[0]) > 0
    assert len(set(selection.ids)) == 5


@pytest.mark.parametrize("num_configurations", [1, 2, 5])
def test_fewer_configurations_than_hypotheses_still_work(num_configurations: int) -> None:
    rows, targets = rows_and_targets(12, 20, 5, 10, 3)
    selection = select(rows, targets, 6, num_configurations)
    assert len(set(selection.ids)) == 6
    assert selection.gains.isfinite().all()


# ---- the guard -------------------------------------------------------------------------------------------------------


def test_targets_that_identify_the_hypotheses_are_noted() -> None:
    rows, targets = rows_and_targets(13, 20, 12, 10, 3, scale=4.0)
    (note,) = [note for note in select(rows, targets, 2, 500).notes if "targets" in note]
    assert "the labels of the targets (12) would leave 1." in note
    assert "of 10 hypotheses on average, so JEPIG is little else than BALD" in note
    assert "use fewer targets or draw more hypotheses" in note
    assert select(rows, targets[:1], 1).notes == ()


def test_few_hypotheses_alone_are_no_reason_for_a_note() -> None:
    assert select(ROWS, TARGETS, 1).scores[0] < 0.5 * bald(POOL[4])
    assert JEPIG(TARGETS).notes(JEPIG(TARGETS).init(ROWS, generator=seeded())) == ()


# ---- edges -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("num_configurations", [3, 10_000])
def test_exact_zeros_give_no_nan(num_configurations: int, dtype: torch.dtype) -> None:
    certain = torch.eye(4, dtype=dtype)[torch.randint(4, (30, 6), generator=seeded())].log()
    uncertain = random_rows(13, 10, 6, 4, dtype=dtype)
    for rows, targets in ((certain, certain[:3]), (uncertain, certain[:3]), (certain, uncertain[:3])):
        selection = select(rows, targets, 5, num_configurations)
        assert selection.gains.isfinite().all()
        assert (selection.gains >= 0).all()


def test_one_hypothesis_has_nothing_to_learn() -> None:
    rows = random_rows(14, 8, 1, 3, dtype=torch.float32)
    selection = select(rows[:6], rows[6:], 4)
    assert selection.gains.tolist() == [0, 0, 0, 0]
    assert selection.ids == [0, 1, 2, 3]


def test_one_class_has_nothing_to_tell() -> None:
    assert select(torch.zeros(5, 3, 1), TARGETS, 3).gains.tolist() == [0, 0, 0]
    assert select(ROWS, torch.zeros(2, 3, 1, dtype=torch.float64), 3).gains.tolist() == [0, 0, 0]


def test_repeated_points_are_each_worth_their_own_label() -> None:
    selection = select(ROWS[[0, 0, 2]], TARGETS, 2)
    assert selection.ids == [0, 1]
    goals = [FIXTURE["t0"], FIXTURE["t1"]]
    assert float(selection.gains.sum()) == pytest.approx(shared_information(POOL, [0, 0], goals), abs=1e-12)


def test_the_whole_pool_and_no_pool() -> None:
    assert sorted(select(ROWS, TARGETS, 5).ids) == [0, 1, 2, 3, 4]
    assert select(ROWS[:0], TARGETS, 0).ids == []
    assert gains(JEPIG(TARGETS), ROWS[:0]) == []


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (TARGETS[:0], "there are no targets"),
        (TARGETS.exp(), "the targets: JEPIG needs log-probabilities whose exponentials sum to 1"),
        (torch.full((2, 3, 3), torch.nan), "the targets: .*hold NaN"),
        (TARGETS[0], r"the targets: JEPIG .*of shape \(3, 3\)"),
    ],
)
def test_bad_targets_get_a_sentence(targets: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        JEPIG(targets)


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (torch.randn(5, 3, 3), "JEPIG needs log-probabilities whose exponentials sum to"),
        (torch.full((5, 3, 3), torch.nan), "hold NaN"),
        (torch.zeros(5, 3), r"shape \(5, 3\)"),
        (torch.zeros(5, 4, 1), "4 hypotheses at the rows but 3 at the targets"),
    ],
)
def test_bad_rows_get_a_sentence(rows: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        select(rows, TARGETS, 2)


def test_bad_given_rows_get_a_sentence() -> None:
    with pytest.raises(ValueError, match="exponentials that sum to"):
        grow(JEPIG(TARGETS), ROWS, 1, given=torch.zeros(1, 3, 3), generator=seeded())


def test_there_must_be_a_configuration() -> None:
    with pytest.raises(ValueError, match="num_configurations must be at least 1, but it is 0"):
        JEPIG(TARGETS, 0)
