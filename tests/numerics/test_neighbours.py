"""Distances to nearest neighbours, exact and by hashes, against every distance."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Generator, Tensor

from bayesal.numerics import hashing, neighbours
from bayesal.numerics.hashing import angular_hash, hashed_mean_squared_distances
from bayesal.numerics.neighbours import mean_squared_distances


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def brute(rows: Tensor, k: int) -> Tensor:
    numbers = rows.double().numpy()
    squared = ((numbers[:, None] - numbers[None]) ** 2).sum(2)
    nearest = [np.sort(np.delete(squared[n], n))[:k].mean() for n in range(len(numbers))]
    return torch.tensor(nearest, dtype=torch.float64)


def mixture(n: int, width: int, components: int = 20) -> Tensor:
    """Clusters of spreads from 0.1 to 2, at directions of length 1."""
    which = torch.arange(n) % components
    rows = (
        2 * drawn(0, components, width)[which] + drawn(1, n, width) * torch.logspace(-1, 0.3, components)[which, None]
    )
    return torch.nn.functional.normalize(rows, dim=1).float()


def hashed(rows: Tensor, k: int, seed: int = 0, **sizes: int) -> Tensor:
    return hashed_mean_squared_distances(rows, k, **sizes, generator=Generator().manual_seed(seed))


AWKWARD = {
    "float64": drawn(0, 60, 4),
    "float32": drawn(0, 60, 4).float(),
    "copies": drawn(0, 15, 4).repeat(4, 1).float(),
    "all the same": torch.ones(40, 3),
    "zeros": torch.zeros(40, 3),
    "tight clusters far apart": (1e-4 * drawn(0, 60, 4) + 1e3 * (torch.arange(60) % 2)[:, None]).float(),
    "far from 0": drawn(0, 60, 4) + 1e7,
    "large": drawn(0, 60, 4) * 1e60,
    "small": drawn(0, 60, 4) * 1e-60,
    "no numbers": torch.zeros(40, 0),
}


@pytest.mark.parametrize("rows", AWKWARD.values(), ids=AWKWARD)
@pytest.mark.parametrize("k", [1, 5, 39])
def test_distances_are_those_of_all_pairs(rows: Tensor, k: int, monkeypatch: pytest.MonkeyPatch):
    expected = brute(rows, k)
    torch.testing.assert_close(mean_squared_distances(rows, k), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(hashed(rows, k, chunk=len(rows)), expected, rtol=1e-9, atol=0)
    torch.testing.assert_close(hashed(rows, k, chunk=8, buckets=1), expected, rtol=1e-9, atol=0)
    for module in (neighbours, hashing):
        monkeypatch.setattr(module, "PAIRS", 100)
    monkeypatch.setattr(neighbours, "DECIDED", 50)
    torch.testing.assert_close(mean_squared_distances(rows, k), expected, rtol=1e-9, atol=0)


def test_fewer_rows_than_neighbours():
    for rows in (torch.zeros(0, 2), torch.zeros(1, 2)):
        for found in (mean_squared_distances(rows, 20), hashed(rows, 20)):
            assert found.tolist() == [0.0] * len(rows)
    line = torch.tensor([[0.0], [1], [3]])
    assert mean_squared_distances(line, 20).tolist() == pytest.approx([5, 2.5, 6.5])
    assert hashed(line, 20, chunk=1, rounds=1).tolist() == pytest.approx([5, 2.5, 6.5])


def test_hashes_find_most_neighbours_and_more_with_every_round():
    rows = mixture(1_500, 16)
    exact = mean_squared_distances(rows, 20)
    last = torch.full_like(exact, torch.inf)
    for rounds in (1, 2, 4, 8, 16):
        found = hashed(rows, 20, chunk=32, rounds=rounds, buckets=48)
        assert (found <= last).all()
        assert (found >= exact * (1 - 1e-12)).all()
        last = found
    assert spearmanr(hashed(rows, 20, chunk=32, buckets=48), exact)[0] > 0.9
    assert spearmanr(last, exact)[0] > 0.99
    assert (last <= exact * 1.05).double().mean() > 0.9


def test_no_neighbour_counts_twice():
    """Each pair of rows is found in every round."""
    rows = drawn(2, 24, 3).float()
    torch.testing.assert_close(hashed(rows, 7, chunk=12, rounds=9, buckets=4), brute(rows, 7), rtol=1e-9, atol=0)


def test_copies_fill_a_bucket_and_chunks_bound_the_cost():
    rows = torch.cat([torch.ones(300, 3), mixture(200, 3)])
    found = hashed(rows, 5, chunk=16, buckets=8)
    assert found[:300].eq(0).all()
    assert (found >= brute(rows, 5) - 1e-12).all()


def test_buckets_are_those_of_the_largest_product():
    rows = drawn(3, 50, 4)
    directions = torch.randn(4, 3, generator=Generator().manual_seed(5), dtype=torch.float64)
    expected = torch.cat([rows @ directions, -rows @ directions], 1).argmax(1)
    assert torch.equal(angular_hash(rows, 6, Generator().manual_seed(5)), expected)
    assert torch.equal(angular_hash(rows * 9, 6, Generator().manual_seed(5)), expected)
    assert angular_hash(rows, 1, Generator()).tolist() == [0] * 50


def test_a_seed_is_a_result_and_the_global_generator_is_left_alone():
    rows, before = mixture(300, 5), torch.get_rng_state()
    kept = rows.clone()
    one, again, other = (hashed(rows, 5, seed, chunk=8, rounds=1) for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(rows, kept)


@pytest.mark.parametrize(
    ("rows", "sizes", "words"),
    [
        (torch.zeros(9, 2, 2), {}, "features of shape"),
        (torch.zeros(9, 2).long(), {}, "features of shape"),
        (torch.tensor([[0, torch.nan]] * 9), {}, "finite numbers"),
        (torch.zeros(9, 2), {"chunk": 0}, "1 row in a chunk"),
        (torch.zeros(9, 2), {"rounds": 0}, "at least 1 round"),
        (torch.zeros(9, 2), {"buckets": 7}, "even number"),
    ],
)
def test_what_has_no_neighbours_gets_a_sentence(rows: Tensor, sizes: dict[str, int], words: str):
    with pytest.raises(ValueError, match=words):
        hashed(rows, 3, **{"chunk": 2, **sizes})
    if not sizes:
        with pytest.raises(ValueError, match=words):
            mean_squared_distances(rows, 3)
    with pytest.raises(ValueError, match="at least 1 neighbour"):
        mean_squared_distances(torch.zeros(9, 2), 0)
