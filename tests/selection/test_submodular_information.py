"""Submodular mutual information with queries against the card's numbers, enumeration, and log-determinants."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.numerics.shifted_cosine import ShiftedCosine
from bayesal.selection import FLQMI, FLVMI, GCMI, LogDetMI, grow
from bayesal.testing import check_rule
from bayesal.types import LazyRule

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20)
POOL = [[1, 0.6, 0.1, 0.2], [0.6, 1, 0.3, 0.1], [0.1, 0.3, 1, 0.7], [0.2, 0.1, 0.7, 1]]
BETWEEN = [[0.9, 0.1], [0.5, 0.2], [0.2, 0.8], [0.1, 0.4]]
QUERIES = [[1, 0.3], [0.3, 1]]
CARD = np.block([[np.array(POOL), np.array(BETWEEN)], [np.array(BETWEEN).T, np.array(QUERIES)]])
NAMES = ("flqmi", "flvmi", "gcmi", "logdetmi")


class Dense:
    """A similarity of places, whose every value is known."""

    def __init__(self, matrix: np.ndarray) -> None:
        self.matrix = torch.as_tensor(matrix, dtype=torch.float64)
        self.asked = 0

    def variance(self, rows: Tensor, /) -> Tensor:
        return self.matrix.diagonal()[rows]

    def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
        self.asked += len(rows) * len(points)
        return self.matrix[rows][:, points]


def rule_of(name: str, queries: Tensor, kernel: Any = None, strength: float = 1.0) -> Any:
    return {
        "flqmi": lambda: FLQMI(queries, strength, kernel),
        "flvmi": lambda: FLVMI(queries, strength, kernel),
        "gcmi": lambda: GCMI(queries, strength, kernel),
        "logdetmi": lambda: LogDetMI(queries, strength, 0.0, kernel),
    }[name]()


def value_of(name: str, s: np.ndarray, a: Sequence[int], pool: int, strength: float = 1.0) -> float:
    """f(A), as the card writes it; places from ``pool`` on are queries."""
    a, q = list(a), list(range(pool, len(s)))
    if not a:
        return 0.0
    if name == "flqmi":
        return float(sum(max(s[i, j] for i in a) for j in q) + strength * sum(max(s[i, j] for j in q) for i in a))
    if name == "flvmi":
        return float(sum(min(max(s[i, j] for j in a), strength * max(s[i, j] for j in q)) for i in range(pool)))
    if name == "gcmi":
        return float(2 * strength * s[np.ix_(a, q)].sum())
    told = s[np.ix_(a, q)] @ np.linalg.solve(s[np.ix_(q, q)], s[np.ix_(q, a)])
    plain = s[np.ix_(a, a)]
    return float(np.linalg.slogdet(plain)[1] - np.linalg.slogdet(plain - strength**2 * told)[1])


def random_similarities(seed: int, count: int = 9) -> np.ndarray:
    """A positive definite matrix of numbers from 0 to 1."""
    features = np.abs(np.random.default_rng(seed).normal(size=(count, 4))) + 0.05
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    return 0.8 * features @ features.T + 0.2 * np.eye(count)


@pytest.mark.parametrize(
    ("name", "picks", "values"),
    [
        ("flvmi", [0, 2, 1], [1.7, 2.6, 2.6]),
        ("flqmi", [0, 2, 1], [1.9, 3.4, 3.9]),
        ("gcmi", [0, 2, 1], [2, 4, 5.4]),
        ("logdetmi", [0, 2, 3], [1.84363, 2.92183, 3.27701]),
    ],
)
def test_the_worked_picks(name: str, picks: list[int], values: list[float]):
    rule = rule_of(name, torch.tensor([4, 5]), Dense(CARD))
    selection = grow(rule, torch.arange(4), 3, generator=Generator())
    assert selection.ids == picks
    assert selection.gains.cumsum(0).tolist() == pytest.approx(values, rel=2e-6)
    pairs = {pair: value_of(name, CARD, pair, 4) for pair in combinations(range(4), 2)}
    assert max(pairs, key=lambda pair: pairs[pair]) == (0, 2)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds, strength=st.sampled_from([0.3, 0.8, 1.0]))
def test_gains_are_differences_of_the_function(name: str, seed: int, strength: float):
    s = random_similarities(seed)
    rule = rule_of(name, torch.tensor([7, 8]), Dense(s), strength)
    for taken in ([], [3], [3, 0, 5]):
        state = rule.init(torch.arange(7), generator=Generator())
        state = rule.take(state, torch.tensor(taken)) if taken else state
        before = value_of(name, s, taken, 7, strength)
        expected = [value_of(name, s, [*taken, n], 7, strength) - before for n in range(7) if n not in taken]
        np.testing.assert_allclose(np.delete(rule.gains(state).numpy(), taken), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@given(seed=seeds)
def test_each_greedy_step_is_the_best_by_brute_force(name: str, seed: int):
    s = random_similarities(seed)
    chosen = grow(rule_of(name, torch.tensor([7, 8]), Dense(s)), torch.arange(7), 5, generator=Generator()).ids
    for step in range(5):
        tried = {n: value_of(name, s, [*chosen[:step], n], 7) for n in range(7) if n not in chosen[:step]}
        assert tried[chosen[step]] == pytest.approx(max(tried.values()), rel=1e-9)


@given(seed=seeds)
def test_two_of_them_are_what_batch_and_queries_share_of_one_function(seed: int):
    """f(A) + f(Q) - f(A ∪ Q), f a facility location over the pool, or a log-determinant."""
    s = random_similarities(seed)
    functions: dict[str, Callable[[list[int]], float]] = {
        "flvmi": lambda a: float(s[:7, a].max(1).sum()),
        "logdetmi": lambda a: float(np.linalg.slogdet(s[np.ix_(a, a)])[1]),
    }
    for name, f in functions.items():
        selection = grow(rule_of(name, torch.tensor([7, 8]), Dense(s)), torch.arange(7), 4, generator=Generator())
        shared = f(selection.ids) + f([7, 8]) - f([*selection.ids, 7, 8])
        assert float(selection.gains.sum()) == pytest.approx(shared, rel=1e-9)


@pytest.mark.parametrize("name", ["flqmi", "flvmi", "gcmi"])
@given(seed=seeds)
def test_gains_fall_and_stay_above_zero(name: str, seed: int):
    s = random_similarities(seed)
    rule = rule_of(name, torch.tensor([7, 8]), Dense(s))
    state = rule.init(torch.arange(7), generator=Generator())
    before = rule.gains(state)
    for n in (2, 6, 0):
        state = rule.take(state, torch.tensor([n]))
        after = rule.gains(state)
        assert (after >= 0).all()
        assert (after <= before + 1e-12).all()
        before = after


@pytest.mark.parametrize("name", ["flqmi", "flvmi"])
@few
@given(seed=seeds)
def test_lazy_evaluation_picks_what_all_gains_would(name: str, seed: int):
    features = torch.randn(200, 3, generator=Generator().manual_seed(seed), dtype=torch.float64)
    rule = rule_of(name, features[:5])
    assert isinstance(rule, LazyRule)
    state = rule.init(features[5:], generator=Generator())
    open_ = torch.ones(195, dtype=torch.bool)
    for _ in range(8):
        fresh = rule.take(rule.init(features[5:], generator=Generator()), features[5:][~open_])
        eager = rule.gains(fresh).masked_fill(~open_, -torch.inf)
        position, gain = rule.best(state, open_)
        assert position == int(eager.argmax())
        assert gain == pytest.approx(float(eager.max()), rel=1e-12)
        open_[position] = False
        state = rule.take(state, features[5:][[position]])


def test_lazy_evaluation_asks_for_few_similarities():
    group = np.repeat(np.arange(30), np.arange(1, 31) ** 2 // 15 + 1)  # groups of very different sizes
    kernel = Dense(np.where(group[:, None] == group, 0.9, 0.05) + 0.1 * np.eye(len(group)))
    places = torch.arange(len(group))
    grow(FLVMI(places[-30:], kernel=kernel), places, 20, generator=Generator())
    assert kernel.asked < 6 * len(group) ** 2  # all gains at every pick would ask for 20 times as many


def test_states_that_part_do_not_see_each_other():
    features = torch.randn(100, 3, generator=Generator().manual_seed(0), dtype=torch.float64)
    for rule in (FLQMI(features[:4]), FLVMI(features[:4])):
        root = rule.init(features, generator=Generator())
        one, other = rule.take(root, features[[3]]), rule.take(root, features[[50]])
        open_ = torch.ones(100, dtype=torch.bool)
        rule.best(one, open_)
        alone = rule.take(rule.init(features, generator=Generator()), features[[50]])
        assert rule.best(other, open_) == rule.best(alone, open_)
        torch.testing.assert_close(rule.gains(other), rule.gains(alone))


@given(seed=seeds)
def test_the_similarity_of_directions(seed: int):
    rows, points = (torch.randn(4, 3, generator=Generator().manual_seed(seed + k), dtype=torch.float64) for k in (0, 1))
    rows[1] = 0
    seen = ShiftedCosine().covariance(rows, points)
    for i in range(4):
        for j in range(4):
            length = float(rows[i].norm() * points[j].norm())
            cosine = float(rows[i] @ points[j]) / length if length else 0.0
            assert float(seen[i, j]) == pytest.approx((1 + cosine) / 2, abs=1e-12)
    assert ShiftedCosine().variance(rows).tolist() == [1, 0.5, 1, 1]
    assert ShiftedCosine().covariance(rows, -1e3 * rows)[0, 0] == pytest.approx(0, abs=1e-12)
    assert bool((torch.linalg.eigvalsh(ShiftedCosine().covariance(rows, rows)) > -1e-9).all())


@pytest.mark.parametrize("name", NAMES)
def test_products_choose_what_the_rows_written_down_choose(name: str):
    generator = Generator().manual_seed(0)
    left, right = (torch.randn(40, size, generator=generator, dtype=torch.float64) for size in (3, 5))
    rows = Kronecker(left, right)
    by_factors = grow(rule_of(name, rows[:4]), rows[4:], 6, generator=Generator())
    by_rows = grow(rule_of(name, rows.dense()[:4]), rows.dense()[4:], 6, generator=Generator())
    assert by_factors.ids == by_rows.ids
    torch.testing.assert_close(by_factors.gains, by_rows.gains, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@few
@given(seed=seeds)
def test_float32_chooses_what_its_numbers_say_in_float64(name: str, seed: int):
    rows = torch.randn(60, 6, generator=Generator().manual_seed(seed))
    of = partial(LogDetMI, jitter=1e-3) if name == "logdetmi" else partial(rule_of, name)
    narrow = grow(of(rows[:4]), rows[4:], 5, generator=Generator())
    wide = grow(of(rows[:4].double()), rows[4:].double(), 5, generator=Generator())
    assert narrow.ids == wide.ids
    torch.testing.assert_close(narrow.gains.double(), wide.gains, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_laws_of_greedy_rules(name: str):
    generator = Generator().manual_seed(1)
    rows = torch.randn(20, 6, generator=generator, dtype=torch.float64)
    queries = torch.randn(3, 6, generator=generator, dtype=torch.float64)
    rule = LogDetMI(queries) if name == "logdetmi" else rule_of(name, queries)
    assert all(finding.passed for finding in check_rule(rule, rows))


@pytest.mark.parametrize("name", NAMES)
def test_rows_that_are_all_the_same_are_chosen_in_their_order(name: str):
    rows = torch.ones(6, 3, dtype=torch.float64)
    queries = torch.tensor([[1.0, 0.0, 0.0]], dtype=torch.float64)
    assert grow(rule_of(name, queries), rows, 6, generator=Generator()).ids == list(range(6))


def test_rows_that_the_batch_determines_share_nothing_new():
    features = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8], [0.6, 0.8]], dtype=torch.float64)
    selection = grow(
        LogDetMI(torch.tensor([[0.8, 0.6]], dtype=torch.float64), 0.9, 0.0), features, 4, generator=Generator()
    )
    assert selection.ids == [2, 0, 1, 3]
    assert selection.gains[2:].tolist() == [0, 0]


def test_points_from_elsewhere_are_taken_like_rows():
    features = torch.randn(12, 4, generator=Generator().manual_seed(3), dtype=torch.float64)
    for name in NAMES:
        rule = rule_of(name, features[:2])
        start = rule.init(features[2:], generator=Generator())
        among = rule.gains(rule.take(start, features[[5, 7]]))
        others = rule.gains(rule.take(rule.init(features[2:5], generator=Generator()), features[[5, 7]]))
        torch.testing.assert_close(among[:3], others) if name != "flvmi" else None  # whose pool counts


def test_what_cannot_be_compared_gets_a_sentence():
    rows = torch.ones(3, 2, dtype=torch.float64)
    for name in NAMES:
        for queries, sentence in (
            (rows[:0], "there are no queries"),
            (torch.ones(2, 3, dtype=torch.float64), r"the queries have shape \(2, 3\) and the rows \(3, 2\)"),
            (rows * torch.nan, "features must be finite numbers"),
        ):
            with pytest.raises(ValueError, match=sentence):
                grow(rule_of(name, queries), rows, 1, generator=Generator())
        with pytest.raises(ValueError, match="must be a number of at least 0, but it is -1"):
            grow(rule_of(name, rows[:1], strength=-1.0), rows, 1, generator=Generator())
        with pytest.raises(ValueError, match="similarities must be finite and at least 0, but that of row 0"):
            grow(rule_of(name, torch.tensor([0]), Dense(-CARD)), torch.arange(3), 1, generator=Generator())


def test_determinants_that_vanish_get_a_sentence():
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    with pytest.raises(ValueError, match=r"queries are not positive definite with jitter 0\.0: two may be the same"):
        grow(LogDetMI(torch.ones(2, 2, dtype=torch.float64), 1.0, 0.0), rows, 1, generator=Generator())
    with pytest.raises(ValueError, match="the queries determine row 0, or more than that"):
        grow(LogDetMI(rows[:1], 1.0, 0.0), rows, 1, generator=Generator())
    with pytest.raises(ValueError, match=r"raise jitter .* or lower eta"):
        grow(LogDetMI(rows[:1], 3.0), rows, 1, generator=Generator())
    assert grow(LogDetMI(rows[:1]), rows, 2, generator=Generator()).ids == [0, 1]
