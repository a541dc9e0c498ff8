"""How a batch is shared among groups."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesal.selection.group_shares import group_shares

sizes_of_groups = st.lists(st.integers(0, 40), min_size=1, max_size=6).filter(sum)


def test_the_worked_numbers():
    assert group_shares([10, 40, 150, 300], 100, 0.25) == [10, 40, 38, 12]
    assert group_shares([100, 400, 1500, 3000], 100, 0.25) == [45, 36, 15, 4]  # the same parts, and nobody is too small
    weights = [math.exp((1 - size / 500) / 0.25) for size in (10, 40, 150, 300)]
    parts = [weight / sum(weights) for weight in weights]
    assert parts == pytest.approx([0.452247, 0.355750, 0.147559, 0.0444439], rel=1e-5)


@given(sizes=sizes_of_groups, share=st.floats(0, 1), temperature=st.sampled_from([1e-9, 0.05, 0.25, 3, math.inf]))
def test_all_of_the_batch_is_shared_and_no_group_gives_more_than_it_has(
    sizes: list[int], share: float, temperature: float
):
    batch = round(share * sum(sizes))
    shares = group_shares(sizes, batch, temperature)
    assert sum(shares) == batch
    assert all(0 <= some <= size for some, size in zip(shares, sizes, strict=True))
    assert group_shares(sizes, sum(sizes), temperature) == sizes
    assert group_shares(sizes, 0, temperature) == [0] * len(sizes)


def test_the_limits_of_the_temperature():
    assert group_shares([30, 20, 50], 9, math.inf) == [3, 3, 3]
    assert group_shares([30, 20, 50], 10, 1e9) == [3, 4, 3]
    assert group_shares([30, 20, 50], 10, 1e-9) == [0, 10, 0]
    assert group_shares([30, 20, 50], 35, 1e-9) == [15, 20, 0]
    assert group_shares([30, 30], 5, 0.25) == [3, 2]  # ties: the first


def test_groups_that_cannot_share_get_a_sentence():
    with pytest.raises(ValueError, match="a batch of 6 cannot be shared among groups of 5 rows"):
        group_shares([2, 3], 6, 1)
    for temperature in (0, -1, math.nan):
        with pytest.raises(ValueError, match="temperature of the groups' shares is a number above 0"):
            group_shares([2, 3], 4, temperature)
