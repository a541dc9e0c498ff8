"""Power-, Softmax- and Softrank-sampling: their laws, and their frequencies against enumeration."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.selection import power, softmax, softrank, top
from tests import oracles

SCORES = [0.5, 0.3, 0.2, 0.1]
RULES = {"power": power, "softmax": softmax, "softrank": softrank}
WEIGHTS = {
    "power": oracles.power_weights,
    "softmax": oracles.softmax_weights,
    "softrank": oracles.softrank_weights,
}
WORKED = {
    ("power", 1): (0.771465, 0.587879, 0.419697, 0.220960),
    ("power", 2): (0.923463, 0.675304, 0.319183, 0.0820513),
    ("softmax", 1): (0.587975, 0.508997, 0.470177, 0.432851),
    ("softmax", 2): (0.673372, 0.517663, 0.439571, 0.369394),
    ("softmax", 8): (0.962199, 0.621440, 0.286404, 0.129957),
    ("softrank", 1): (0.788462, 0.539980, 0.380037, 0.291521),
    ("softrank", 2): (0.943792, 0.613094, 0.282505, 0.160610),
}
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def within_five_sigma(seen: list[float], expected: list[float], draws: int) -> bool:
    return all(abs(s - p) <= 5 * math.sqrt(p * (1 - p) / draws) + 1e-12 for s, p in zip(seen, expected, strict=True))


@pytest.mark.parametrize(("name", "coldness"), WORKED)
def test_the_enumeration_gives_the_worked_numbers(name, coldness):
    inclusion = oracles.inclusion_probabilities(WEIGHTS[name](SCORES, coldness), 2)
    assert inclusion == pytest.approx(WORKED[name, coldness], abs=5.1e-7)
    assert sum(inclusion) == pytest.approx(2)


def share_among_first_two(order: torch.Tensor, groups: torch.Tensor) -> list[float]:
    """How often each of a group's four points is among the first two of its group in ``order``."""
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order))
    return (place[groups].argsort(1).argsort(1) < 2).double().mean(0).tolist()


# Luce: in one drawing of a whole pool, the order within four points is a drawing of those four alone, whatever the
# others are, and disjoint fours are independent. So one drawing of one pool is as good as 200,000 draws from four.


@pytest.mark.parametrize(("name", "coldness"), [case for case in WORKED if case[0] != "softrank"])
def test_200_000_draws_follow_the_enumeration(name, coldness, generator):
    draws = 200_000
    order = RULES[name](torch.tensor(SCORES).repeat(draws), 4 * draws, coldness=coldness, generator=generator)
    seen = share_among_first_two(order, torch.arange(4 * draws).view(draws, 4))
    assert within_five_sigma(seen, list(WORKED[name, coldness]), draws)


@pytest.mark.parametrize("coldness", [1, 2])
def test_200_000_draws_of_softrank_follow_the_enumeration(coldness, generator):
    """Ranks j, 2j, 3j, 4j relate as 1, 2, 3, 4; such fours are disjoint if 2 divides j a multiple of three times and
    3 divides it an even number of times."""
    first = torch.arange(1, 470_001)
    twos = sum(((first % 2**i) == 0).long() for i in range(1, 19))
    threes = sum(((first % 3**i) == 0).long() for i in range(1, 12))
    ranks = first[(twos % 3 == 0) & (threes % 2 == 0)][:, None] * torch.arange(1, 5)
    assert len(ranks) > 200_000
    assert ranks.unique().numel() == ranks.numel()

    points = torch.randperm(4 * 470_000, generator=generator)  # where the point of each rank stands in the pool
    scores = torch.empty(len(points), dtype=torch.float64)
    scores[points] = -torch.arange(1.0, len(points) + 1, dtype=torch.float64)
    order = softrank(scores, len(points), coldness=coldness, generator=generator)
    seen = share_among_first_two(order, points[ranks - 1])
    assert within_five_sigma(seen, list(WORKED["softrank", coldness]), len(ranks))


@pytest.mark.parametrize(("name", "coldness"), WORKED)
def test_single_calls_follow_the_enumeration(name, coldness, generator):
    draws = 400
    scores = torch.tensor([SCORES[i] for i in (2, 0, 3, 1)])
    counts = torch.zeros(4)
    for _ in range(draws):
        counts[RULES[name](scores, 2, coldness=coldness, generator=generator)] += 1
    seen = (counts / draws)[[1, 3, 0, 2]].tolist()
    assert within_five_sigma(seen, list(WORKED[name, coldness]), draws)


def test_the_first_point_drawn_follows_the_weights(generator):
    draws = 1000
    first = torch.tensor([int(power(torch.tensor(SCORES), 2, generator=generator)[0]) for _ in range(draws)])
    expected = [s / sum(SCORES) for s in SCORES]
    assert within_five_sigma((first.bincount(minlength=4) / draws).tolist(), expected, draws)


@given(st.integers(0, 2**32), st.floats(0.01, 20))
def test_the_unit_of_the_scores_does_not_matter_to_power(seed, unit):
    scores = torch.rand(40, dtype=torch.float64, generator=seeded(seed))
    assert torch.equal(power(unit * scores, 9, generator=seeded(1)), power(scores, 9, generator=seeded(1)))


@given(st.integers(0, 2**32), st.floats(-10, 10))
def test_the_origin_of_the_scores_does_not_matter_to_softmax(seed, origin):
    scores = torch.rand(40, dtype=torch.float64, generator=seeded(seed))
    assert torch.equal(softmax(scores + origin, 9, generator=seeded(1)), softmax(scores, 9, generator=seeded(1)))


@given(st.integers(0, 2**32))
def test_only_the_order_of_the_scores_matters_to_softrank(seed):
    scores = torch.randn(40, dtype=torch.float64, generator=seeded(seed))
    assert torch.equal(softrank(scores.exp(), 9, generator=seeded(1)), softrank(scores, 9, generator=seeded(1)))


@each_rule
def test_a_great_coldness_is_top(rule, generator):
    scores = torch.rand(30, dtype=torch.float64, generator=generator)
    assert torch.equal(rule(scores, 8, coldness=1e7, generator=generator), top(scores, 8))


@each_rule
def test_no_coldness_is_uniform_also_over_zeros_and_infinities(rule, generator):
    scores = torch.tensor([0.0, 0.5, 3.0, math.inf])
    draws = 500
    counts = torch.zeros(4)
    for _ in range(draws):
        counts[rule(scores, 2, coldness=0, generator=generator)] += 1
    assert within_five_sigma((counts / draws).tolist(), [0.5] * 4, draws)


@each_rule
def test_equal_scores_are_drawn_uniformly(rule, generator):
    draws = 500
    counts = torch.zeros(5)
    for _ in range(draws):
        counts[rule(torch.full((5,), 0.3), 2, generator=generator)] += 1
    assert within_five_sigma((counts / draws).tolist(), [0.4] * 5, draws)


@each_rule
def test_positions_are_distinct_and_the_whole_pool_is_a_permutation(rule, generator):
    scores = torch.rand(40, generator=generator)
    assert len(set(rule(scores, 15, generator=generator).tolist())) == 15
    assert sorted(rule(scores, 40, generator=generator).tolist()) == list(range(40))


@each_rule
def test_the_seed_and_nothing_else_decides(rule):
    scores = torch.rand(40, generator=seeded(0))
    first = rule(scores, 10, generator=seeded(7))
    torch.manual_seed(3)
    state = torch.get_rng_state()
    assert torch.equal(rule(scores, 10, generator=seeded(7)), first)
    assert not torch.equal(rule(scores, 10, generator=seeded(8)), first)
    assert torch.equal(torch.get_rng_state(), state)


def test_points_of_zero_score_only_fill_what_positive_ones_leave_and_then_uniformly(generator):
    scores = torch.tensor([0.0, 0.2, 0.0, 0.1, -1e-7, 0.0])  # one rounded below zero
    draws = 500
    counts = torch.zeros(6)
    for _ in range(draws):
        picks = power(scores, 3, generator=generator).tolist()
        assert set(picks[:2]) == {1, 3}
        counts[picks[2]] += 1
    assert within_five_sigma((counts / draws).tolist(), [0.25, 0, 0.25, 0, 0.25, 0.25], draws)


@pytest.mark.parametrize("rule", [power, softmax])
def test_infinite_scores_are_taken_first_in_random_order(rule, generator):
    scores = torch.tensor([0.3, math.inf, 0.2, math.inf])
    pairs = [tuple(rule(scores, 3, generator=generator).tolist()[:2]) for _ in range(200)]
    assert set(pairs) == {(1, 3), (3, 1)}
    singles = {rule(scores, 1, generator=generator).item() for _ in range(100)}
    assert singles == {1, 3}


def test_a_score_of_minus_infinity_is_left_for_last_by_softmax(generator):
    scores = torch.tensor([-math.inf, 0.0, -5.0])
    assert all(0 not in softmax(scores, 2, generator=generator).tolist() for _ in range(50))
    assert softmax(scores, 3, generator=generator)[2] == 0


def test_scores_far_apart_neither_overflow_nor_underflow(generator):
    assert softmax(torch.tensor([-1e30, 0.0, 1e30]), 3, generator=generator).tolist() == [2, 1, 0]
    scores = torch.tensor([1e-300, 1e300, 1.0], dtype=torch.float64)
    assert power(scores, 3, generator=generator).tolist() == [1, 2, 0]


@each_rule
def test_it_is_a_rule_once_its_coldness_is_fixed(rule, generator):
    fixed = partial(rule, coldness=4.0)
    assert fixed(torch.rand(9, generator=generator), 3, generator=generator).shape == (3,)


@each_rule
def test_an_empty_batch(rule, generator):
    assert rule(torch.rand(3), 0, generator=generator).tolist() == []
    assert rule(torch.empty(0), 0, generator=generator).tolist() == []


@each_rule
def test_bad_requests_are_refused(rule, generator):
    with pytest.raises(ValueError, match="a batch of 4 was asked for, but there are only 3 rows"):
        rule(torch.rand(3), 4, generator=generator)
    with pytest.raises(ValueError, match="the score of row 1 is NaN"):
        rule(torch.tensor([0.0, math.nan, 1.0]), 1, generator=generator)
    with pytest.raises(ValueError, match="one score a row"):
        rule(torch.zeros(3, 2), 1, generator=generator)
    for coldness in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="coldness must be a number of at least 0"):
            rule(torch.rand(3), 1, coldness=coldness, generator=generator)


def test_negative_scores_have_no_power(generator):
    with pytest.raises(ValueError, match=r"at least 0, but row 2 has -0\.4; use softmax or softrank"):
        power(torch.tensor([0.1, 1.0, -0.4]), 1, generator=generator)
