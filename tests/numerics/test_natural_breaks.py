"""Natural breaks against every way to cut."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.natural_breaks import natural_breaks

CARD = [0.05, 0.06, 0.07, 0.30, 0.32, 0.35, 0.80, 0.85, 2.0, 2.2]


def spread(values: np.ndarray, groups: np.ndarray) -> float:
    return sum(float(((values[groups == h] - values[groups == h].mean()) ** 2).sum()) for h in np.unique(groups))


def least(values: np.ndarray, groups: int) -> float:
    """Of all cuts between different values."""
    different = np.unique(values)
    number = min(groups, len(different))
    ways = combinations(different[1:], number - 1)
    return min(spread(values, np.searchsorted(np.array(way), values, side="right")) for way in ways)


def test_the_worked_numbers():
    values = torch.tensor(CARD, dtype=torch.float64)
    groups = natural_breaks(values, 4)
    assert groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3]
    assert spread(values.numpy(), groups.numpy()) == pytest.approx(0.0227167, rel=1e-5)
    order = torch.tensor([9, 3, 0, 7, 1, 8, 2, 6, 5, 4])
    assert natural_breaks(values[order], 4).tolist() == groups[order].tolist()
    assert natural_breaks(values.float() * 1e6 + 1e9, 4).tolist() == groups.tolist()


@given(
    values=st.lists(st.integers(-20, 20), min_size=1, max_size=10), groups=st.integers(1, 5), scale=st.floats(0.1, 9)
)
@settings(max_examples=120)
def test_no_other_cuts_are_tighter(values: list[int], groups: int, scale: float):
    numbers = np.array(values) * scale
    found = natural_breaks(torch.from_numpy(numbers), groups).numpy()
    assert spread(numbers, found) == pytest.approx(least(numbers, groups), rel=1e-9, abs=1e-9)
    assert set(found) == set(range(min(groups, len(set(values)))))
    order = np.argsort(numbers, kind="stable")
    assert (np.diff(found[order]) >= 0).all()
    assert (np.diff(found[order])[np.diff(numbers[order]) == 0] == 0).all()


def test_a_value_far_out_does_not_blur_the_others():
    values = torch.tensor([-1234.5, 0, 1e-7, 2e-7, 7e-7, 8e-7, 9e-7], dtype=torch.float64)
    assert natural_breaks(values, 3).tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert natural_breaks(-values, 3).tolist() == [2, 1, 1, 1, 0, 0, 0]


def test_bins_are_about_as_tight_as_every_value():
    values = torch.randn(30_000, generator=Generator().manual_seed(0)).exp()
    numbers = values.double().numpy()
    exact, binned = (spread(numbers, natural_breaks(values, 4, exact=most).numpy()) for most in (10**6, 1_000))
    assert exact <= binned <= exact * 1.001


def test_few_values():
    assert natural_breaks(torch.zeros(0), 3).tolist() == []
    assert natural_breaks(torch.tensor([2.0]), 3).tolist() == [0]
    assert natural_breaks(torch.tensor([2.0, 2, 2]), 3).tolist() == [0, 0, 0]
    assert natural_breaks(torch.tensor([5.0, 1, 5]), 4).tolist() == [1, 0, 1]
    assert natural_breaks(torch.tensor([5.0, 1, 3]), 1).tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("values", "groups", "words"),
    [
        (torch.ones(3), 0, "at least 1 group, but 0"),
        (torch.ones(3, 2), 2, r"the shape \(3, 2\)"),
        (torch.tensor([1, torch.nan]), 2, "NaN or infinity"),
        (torch.tensor([1, torch.inf]), 2, "NaN or infinity"),
    ],
)
def test_what_cannot_be_cut_gets_a_sentence(values: Tensor, groups: int, words: str):
    with pytest.raises(ValueError, match=words):
        natural_breaks(values, groups)
