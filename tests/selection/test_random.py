"""Uniform batches."""

import math

import pytest
import torch

from bayesal.selection import random


def test_positions_are_distinct_and_the_whole_pool_is_a_permutation(generator):
    rows = torch.zeros(50, 3)
    assert len(set(random(rows, 20, generator=generator).tolist())) == 20
    assert sorted(random(rows, 50, generator=generator).tolist()) == list(range(50))


def test_every_point_has_the_same_chance(generator):
    draws, n, b = 2000, 10, 3
    counts = torch.zeros(n)
    for _ in range(draws):
        counts[random(torch.zeros(n), b, generator=generator)] += 1
    p = b / n
    assert ((counts / draws - p).abs() <= 5 * math.sqrt(p * (1 - p) / draws)).all()


def test_the_seed_and_nothing_else_decides(generator):
    rows = torch.zeros(30)
    first = random(rows, 10, generator=torch.Generator().manual_seed(5))
    torch.manual_seed(1)
    assert torch.equal(random(rows + math.nan, 10, generator=torch.Generator().manual_seed(5)), first)
    assert not torch.equal(random(rows, 10, generator=torch.Generator().manual_seed(6)), first)


def test_an_empty_batch(generator):
    assert random(torch.zeros(3), 0, generator=generator).tolist() == []
    assert random(torch.zeros(0, 4, 5), 0, generator=generator).tolist() == []


def test_bad_requests_are_refused(generator):
    with pytest.raises(ValueError, match="a batch of 4 was asked for, but there are only 3 rows"):
        random(torch.zeros(3), 4, generator=generator)
    with pytest.raises(ValueError, match="batch_size must be at least 0, but it is -1"):
        random(torch.zeros(3), -1, generator=generator)
