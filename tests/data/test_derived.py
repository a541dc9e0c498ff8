import numpy as np
import pytest
import torch

from bayesal import Pool
from bayesal.data.derived import JoinedSource, RepeatedSource, SubsetSource, take
from bayesal.data.sources import TensorSource

POINTS = torch.arange(10.0)[:, None]


def test_a_subset_reads_its_own_points():
    source = SubsetSource(TensorSource(POINTS), np.array([7, 1, 4]))
    assert len(source) == 3
    assert source.gather(np.array([2, 0])).flatten().tolist() == [4, 7]


@pytest.mark.parametrize("wanted", [[0, 11, 3, 14], [12], [], [10, 9], list(range(15))])
def test_joined_sources_are_one_after_the_other(wanted):
    both = JoinedSource([TensorSource(POINTS), TensorSource(POINTS[:0]), TensorSource(-1 - POINTS[:5])])
    assert len(both) == 15
    whole = torch.cat([POINTS, -1 - POINTS[:5]])
    assert torch.equal(both.gather(np.array(wanted, dtype=np.int64)), whole[wanted])


def test_noise_is_the_same_in_any_chunk_and_order():
    source = RepeatedSource(TensorSource(torch.zeros(30, 2, 3)), 3, 0.1, 5)
    whole = source.gather(np.arange(90))
    for chunk in (1, 7):
        assert torch.equal(Pool.of(source, chunk_size=chunk).scan(lambda x: x), whole)
    order = np.random.default_rng(0).permutation(90)
    assert torch.equal(source.gather(order), whole[order])
    assert not torch.equal(whole, RepeatedSource(TensorSource(torch.zeros(30, 2, 3)), 3, 0.1, 6).gather(np.arange(90)))


def test_noise_is_gaussian_and_each_copy_has_its_own():
    copies = RepeatedSource(TensorSource(torch.zeros(500, 40)), 2, 0.5, 1).gather(np.arange(1000))
    first, second = copies[:500].flatten(), copies[500:].flatten()
    assert copies.std().item() == pytest.approx(0.5, rel=0.02)
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1].item()) < 0.03
    assert (copies.abs() < 0.5).float().mean().item() == pytest.approx(0.6827, abs=0.01)
    assert (copies[:, 0].sum() / copies[:, 0].norm()).abs() < 4  # points do not share their noise


def test_without_noise_copies_are_the_points():
    source = RepeatedSource(TensorSource(POINTS), 2, 0.0, 1)
    assert torch.equal(source.gather(np.arange(20)), torch.cat([POINTS, POINTS]))


def test_noise_does_not_reach_the_points_themselves():
    points = torch.zeros(4, 2)
    RepeatedSource(TensorSource(points), 2, 1.0, 1).gather(np.arange(4))
    assert points.sum() == 0


def test_noise_on_integers_is_refused():
    with pytest.raises(ValueError, match=r"torch\.uint8; make them floats"):
        RepeatedSource(TensorSource(torch.zeros(4, 2, dtype=torch.uint8)), 2, 1.0, 1).gather(np.arange(4))


def test_points_of_a_file_are_not_read_before_they_are_asked_for(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(10.0))
    taken = take(np.load(tmp_path / "a.npy", mmap_mode="r"), np.array([3, 8]))
    assert isinstance(taken, SubsetSource)
    assert Pool.of(taken).scan(lambda x: x).tolist() == [3, 8]
    assert take(np.arange(10.0), np.array([3, 8])).tolist() == [3, 8]
    assert take(torch.arange(10.0), np.array([3, 8])).tolist() == [3, 8]
