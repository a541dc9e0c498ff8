"""The k smallest of a row against sorting it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from bayesal.numerics.smallest import smallest


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 300), share=st.floats(0, 1), few=st.booleans())
def test_they_are_the_first_of_the_sorted_row(seed: int, width: int, share: float, few: bool):
    values = torch.randn(4, width, generator=Generator().manual_seed(seed))
    values = values.round() if few else values  # many ties
    k = round(share * width)
    found, columns = smallest(values, k)
    assert torch.equal(found, values.sort(1).values[:, :k])
    assert torch.equal(values.gather(1, columns), found)
    assert all(len(set(row)) == k for row in columns.tolist())


@pytest.mark.parametrize("width", [40, 41, 49, 1000])
def test_infinities_are_numbers_too(width: int):
    values = torch.full((2, width), torch.inf)
    values[0, width // 2] = 1
    values[1, -1] = -torch.inf
    found, columns = smallest(values, 2)
    assert found.tolist() == [[1, torch.inf], [-torch.inf, torch.inf]]
    assert columns[:, 0].tolist() == [width // 2, width - 1]
    assert smallest(values[:0], 2)[0].shape == (0, 2)
