"""The largest variances against sorting."""

import pytest
import torch
from torch import Generator

from bayesal.selection import MaxDiag, grow
from bayesal.testing import check_rule


def test_the_longest_rows_come_first_and_of_equals_the_lowest():
    rows = torch.tensor([[1.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 0.0], [3.0, 1.0]])
    selection = grow(MaxDiag(), rows, 5, given=rows[:1], generator=Generator())
    assert selection.positions.tolist() == [4, 1, 2, 0, 3]
    assert selection.gains.tolist() == pytest.approx([10, 4, 4, 1, 0])


def test_the_laws_of_rules():
    check_rule(MaxDiag(), torch.randn(20, 3, generator=Generator().manual_seed(0)))
