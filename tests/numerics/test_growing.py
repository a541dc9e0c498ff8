"""Rows that grow: values, whoever else grows from them."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.numerics.growing import Growing


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), max_size=30))
def test_every_one_stays_what_it_was_however_others_grow(steps: list[tuple[int, int]]):
    values = [(Growing.of(torch.zeros(0, 2)), torch.zeros(0, 2))]
    for number, (parent, size) in enumerate(steps):
        before, rows = values[parent % len(values)]
        more = torch.full((size, 2), float(number))
        values.append((before.and_rows(more), torch.cat([rows, more])))
    for growing, rows in values:
        assert torch.equal(growing.rows, rows)


def test_what_it_grew_from_is_never_written_to():
    rows = torch.arange(12.0).view(6, 2)
    part = Growing.of(rows[:2])
    assert torch.equal(part.and_rows(-torch.ones(1, 2)).rows[2], -torch.ones(2))
    assert torch.equal(rows, torch.arange(12.0).view(6, 2))


def test_one_by_one_it_copies_little():
    growing, rooms = Growing.of(torch.zeros(0, 1)), set()
    for number in range(1000):
        growing = growing.and_rows(torch.full((1, 1), float(number)))
        rooms.add(growing.room.data_ptr())
    assert growing.rows[:, 0].tolist() == list(range(1000))
    assert len(rooms) <= 12
