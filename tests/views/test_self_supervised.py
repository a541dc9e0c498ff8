"""Features learned from the pool alone: the same for the same pool, whoever asks, and better neighbours than chance."""

import gc
import weakref
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool
from bayesal.data.datasets import load
from bayesal.learning.self_supervised import TWINS, SelfTaught, TwinViews
from bayesal.networks.encoders import ImageEncoder, encoder_for
from bayesal.objectives.barlow import barlow_twins
from bayesal.views import SelfSupervised
from bayesal.views import self_supervised as module

BRIEF = SelfTaught(training=replace(TWINS, max_epochs=1, epoch_size=128, batch_size=32))
VIEW = SelfSupervised(training=BRIEF)
X = torch.randn(40, 5, generator=Generator().manual_seed(0)) * torch.tensor([1.0, 50.0, 0.1, 1.0, 1.0])
IMAGES = torch.rand(30, 2, 9, 12, generator=Generator().manual_seed(1))


def rows_of(view: SelfSupervised, pool: Pool, seed: int = 0) -> Tensor:
    return pool.scan(view(None, pool, generator=Generator().manual_seed(seed)))


def pool_of(points, chunk_size: int = 256) -> Pool:
    return Pool.of(points, chunk_size=chunk_size, progress=False)


@pytest.mark.parametrize(("points", "width"), [(X, 128), (IMAGES, 256)], ids=["table", "images"])
def test_rows_have_length_one_and_depend_on_the_pool_and_the_seed_alone(points: Tensor, width: int) -> None:
    pool = pool_of(points)
    before = torch.get_rng_state()
    rows = rows_of(VIEW, pool)
    assert torch.equal(torch.get_rng_state(), before)
    assert rows.shape == (len(points), width)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(len(points)))
    torch.rand(3)
    assert torch.equal(rows_of(VIEW, pool_of(points.clone()), seed=5), rows)  # another source: trained again
    torch.testing.assert_close(rows_of(VIEW, pool_of(points, chunk_size=7)), rows, atol=1e-5, rtol=1e-4)
    assert not torch.equal(rows_of(SelfSupervised(1, BRIEF), pool), rows)


def test_all_rounds_of_a_study_share_one_training_which_is_forgotten_with_the_pool() -> None:
    points = X.clone()
    pool = pool_of(points)
    look = VIEW(None, pool, generator=Generator())
    later = pool.with_labels({1: 0, 2: 1}).only([3, 4, 5])
    assert VIEW("any belief", later, generator=Generator()) is look
    assert SelfSupervised(training=replace(BRIEF, redundancy=0.1))(None, pool, generator=Generator()) is not look
    source = weakref.ref(pool.source)
    del pool, later
    gc.collect()
    assert source() is None


def test_a_source_that_cannot_be_looked_up_is_learned_from_each_time() -> None:
    @dataclass
    class Unhashable:
        values: Tensor

        def __len__(self) -> int:
            return len(self.values)

        def gather(self, positions: np.ndarray, /) -> Tensor:
            return self.values[torch.from_numpy(positions)]

    pool = pool_of(Unhashable(X))
    assert VIEW(None, pool, generator=Generator()) is not VIEW(None, pool, generator=Generator())
    assert torch.equal(rows_of(VIEW, pool), rows_of(VIEW, pool_of(X)))


def test_a_step_is_on_the_loss_of_two_views() -> None:
    """Said once for each point, so that its mean over any batch is itself."""
    encoder, projector = nn.Linear(5, 4), nn.Linear(4, 3)
    twins = TwinViews(encoder, projector, lambda points, g: points + torch.randn(points.shape, generator=g), 0.3, 7)
    generator = Generator().manual_seed(7)
    first, second = (projector(encoder(X + torch.randn(X.shape, generator=generator))) for _ in range(2))
    losses = twins(X)
    assert losses.shape == (40, 1)
    torch.testing.assert_close(losses.mean(), barlow_twins(first, second, weight=0.3))


def test_on_digits_neighbours_are_more_alike_than_before_the_training() -> None:
    digits = load("digits")
    images, labels = torch.as_tensor(digits.inputs)[:400], torch.as_tensor(digits.labels)[:400]
    view = SelfSupervised(training=SelfTaught(training=replace(TWINS, max_epochs=3, epoch_size=1280)))
    untrained = SelfSupervised(training=replace(BRIEF, training=replace(BRIEF.training, learning_rate=1e-9)))

    def share_of_equal_neighbours(rows: Tensor) -> float:
        near = torch.cdist(rows, rows).fill_diagonal_(torch.inf).topk(10, largest=False).indices
        return float((labels[near] == labels[:, None]).float().mean())

    pool = pool_of(images)
    assert share_of_equal_neighbours(rows_of(view, pool)) > share_of_equal_neighbours(rows_of(untrained, pool)) + 0.02


def test_no_points_one_point_copies_and_large_images() -> None:
    assert rows_of(VIEW, pool_of(X[:0])).shape == (0, 128)
    assert rows_of(VIEW, pool_of(X[:1])).shape == (1, 128)
    assert bool(rows_of(VIEW, pool_of(X[:1].expand(5, 5).contiguous())).isfinite().all())
    assert rows_of(VIEW, pool_of(torch.rand(4, 3, 50, 40))).shape == (4, 256)
    assert rows_of(VIEW, pool_of(torch.arange(12))).shape == (12, 128)
    assert isinstance(encoder_for(IMAGES), ImageEncoder)


def test_what_is_no_tensor_of_numbers_is_refused() -> None:
    broken = X.clone()
    broken[3, 2] = torch.inf
    with pytest.raises(ValueError, match="1 of 40 points hold NaN or infinite inputs"):
        rows_of(VIEW, pool_of(broken))
    assert module._TRAINED is not None
    assert repr(VIEW).startswith("SelfSupervised(seed=0, training=SelfTaught(redundancy=0.02, widths=(256, 256)")
    assert " at 0x" not in repr(SelfSupervised())
