"""JEPIG by retraining: the difference of what labels tell two beliefs, by enumeration."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import BatchBALD, RetrainedJEPIG, grow
from bayesal.testing import check_rule
from bayesal.types import LazyRule, Selection
from tests.oracles import POOL, Point, joint_information

ROWS = torch.tensor(POOL, dtype=torch.float64).log()


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def select(rows: Tensor, batch_size: int, num_configurations: int = 10_000) -> Selection:
    return grow(RetrainedJEPIG(num_configurations), rows, batch_size, generator=seeded())


def random_rows(seed: int, *shape: int, scale: float = 2.0, dtype: torch.dtype = torch.float64) -> Tensor:
    rows = torch.randn(shape, generator=seeded(seed), dtype=torch.float64) * scale
    rows[:, shape[1] // 2 :] *= 0.6  # the second belief has less to learn
    return rows.log_softmax(-1).to(dtype)


def difference(rows: Tensor, batch: list[int]) -> float:
    """BatchBALD_1(S) - BatchBALD_2(S)."""
    halves: list[list[Point]] = [half.exp().tolist() for half in rows.chunk(2, 1)]
    return joint_information(halves[0], batch) - joint_information(halves[1], batch)


@given(st.integers(0, 10**6), st.integers(0, 3), st.integers(1, 3), st.integers(1, 4))
def test_gains_are_the_difference_of_two_informations(seed: int, taken: int, classes: int, hypotheses: int) -> None:
    rows, rule, batch = random_rows(seed, 5, 2 * hypotheses, classes), RetrainedJEPIG(), list(range(taken))
    state = rule.take(rule.init(rows, generator=seeded()), rows[batch])
    expected = [difference(rows, [*batch, n]) - difference(rows, batch) for n in range(5)]
    assert rule.gains(state).tolist() == pytest.approx(expected, abs=1e-11)


def test_it_is_batchbald_of_the_one_less_that_of_the_other() -> None:
    rows = random_rows(0, 8, 12, 3)
    selection = select(rows, 4)
    first, second = (
        grow(BatchBALD(), half[selection.ids], 4, generator=seeded()).gains.sum() for half in rows.chunk(2, 1)
    )
    assert float(selection.gains.sum()) == pytest.approx(float(first - second), abs=1e-11)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.3, 4))
def test_greedy_growth_is_the_brute_force_one(seed: int, scale: float) -> None:
    rows = random_rows(seed, 6, 8, 3, scale=scale)
    selection = select(rows, 3)
    chosen, total = list[int](), 0.0
    for pick, gain in zip(selection.ids, selection.gains.tolist(), strict=True):
        values = {n: difference(rows, [*chosen, n]) for n in range(6) if n not in chosen}
        assert values[pick] == pytest.approx(max(values.values()), abs=1e-10)
        assert gain == pytest.approx(values[pick] - total, abs=1e-10)
        chosen.append(pick)
        total = values[pick]


def test_equal_halves_give_nothing() -> None:
    selection = select(ROWS.repeat(1, 2, 1), 3)
    assert selection.gains.tolist() == [0, 0, 0]
    assert selection.ids == [0, 1, 2]


def test_a_second_belief_that_is_sure_leaves_batchbald() -> None:
    sure = ROWS[:, :1].expand(-1, 3, -1)
    expected = grow(BatchBALD(), ROWS[:4], 4, generator=seeded())
    selection = select(torch.cat([ROWS, sure], 1)[:4], 4)
    assert selection.ids == expected.ids
    assert selection.gains.tolist() == pytest.approx(expected.gains.tolist(), abs=1e-12)


def test_negative_gains_stay_negative() -> None:
    sure = ROWS[:, :1].expand(-1, 3, -1)
    selection = select(torch.cat([sure, ROWS], 1), 5)
    assert (selection.gains < 0).all()
    assert selection.ids[0] == 2  # the least bad


@pytest.mark.parametrize("num_configurations", [10, 10_000])
def test_it_passes_the_public_checks_of_a_rule(num_configurations: int) -> None:
    assert check_rule(RetrainedJEPIG(num_configurations))
    assert isinstance(RetrainedJEPIG(), LazyRule)


def test_sampled_gains_are_right_on_average() -> None:
    rows = random_rows(1, 10, 12, 3)
    exact = RetrainedJEPIG().gains(RetrainedJEPIG().take(RetrainedJEPIG().init(rows, generator=seeded()), rows[:5]))
    rule = RetrainedJEPIG(40)
    sampled = torch.stack(
        [rule.gains(rule.take(rule.init(rows, generator=seeded(seed)), rows[:5])) for seed in range(60)]
    )
    standard_error = sampled.std(0) / len(sampled) ** 0.5
    assert ((sampled.mean(0) - exact).abs() < 5 * standard_error).all()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float16, 1e-2), (torch.bfloat16, 5e-2)])
def test_any_float_dtype_gives_the_same_gains_up_to_its_precision(dtype: torch.dtype, tolerance: float) -> None:
    rows = random_rows(2, 20, 16, 4)
    precise = select(rows, 3).gains.tolist()
    assert select(rows.to(dtype), 3).gains.tolist() == pytest.approx(precise, abs=tolerance)


def test_exact_zeros_and_a_single_hypothesis_give_no_nan() -> None:
    certain = torch.eye(4)[torch.randint(4, (20, 6), generator=seeded())].log()
    assert select(certain, 6).gains.isfinite().all()
    assert select(certain[:, :2], 3).gains.tolist() == [0, 0, 0]


def test_the_whole_pool_and_no_pool() -> None:
    rows = random_rows(3, 5, 4, 3)
    assert sorted(select(rows, 5).ids) == [0, 1, 2, 3, 4]
    assert select(rows[:0], 0).ids == []


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (torch.zeros(5, 3, 1), "K hypotheses of one belief, then as many of another, but there are 3 in all"),
        (torch.randn(5, 4, 3), "RetrainedJEPIG needs log-probabilities"),
        (torch.full((5, 4, 3), torch.nan), "hold NaN"),
    ],
)
def test_bad_rows_get_a_sentence(rows: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        select(rows, 2)


def test_there_must_be_a_configuration() -> None:
    with pytest.raises(ValueError, match="num_configurations must be at least 1, but it is 0"):
        RetrainedJEPIG(0)
