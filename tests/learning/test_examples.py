"""Examples in any order, and epochs that use every point equally often."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.learning.examples import Examples, draws


@given(st.integers(1, 30), st.integers(1, 200), st.integers(0, 2**32))
def test_an_epoch_draws_every_point_equally_often_up_to_one(num_points: int, size: int, seed: int) -> None:
    positions = draws(num_points, size, generator=Generator().manual_seed(seed))
    counts = torch.bincount(positions, minlength=num_points)
    assert counts.sum() == size
    assert len(counts) == num_points
    assert counts.max() - counts.min() <= 1
    assert (counts == size // num_points).sum() == num_points - size % num_points


def test_card_2s_epoch_uses_20_labels_252_or_253_times(generator: Generator) -> None:
    counts = torch.bincount(draws(20, 5056, generator=generator))
    assert sorted(counts.tolist()) == [252] * 4 + [253] * 16


def test_epochs_come_in_other_orders_and_favour_no_point(generator: Generator) -> None:
    epochs = torch.stack([draws(10, 5, generator=generator) for _ in range(2000)])
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1000
    share = torch.bincount(epochs.flatten(), minlength=10) / epochs.numel()
    assert (share - 0.1).abs().max() < 5 * (0.1 * 0.9 / epochs.numel()) ** 0.5


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 6, 5), (1, 8, 8)])
def test_examples_are_the_points_in_the_order_asked(shape: tuple[int, ...]) -> None:
    inputs = torch.arange(7 * torch.Size(shape).numel(), dtype=torch.float32).view(7, *shape)
    examples = Examples(inputs, torch.arange(7))
    positions = torch.tensor([3, 0, 3, 6])
    assert torch.equal(examples[positions].inputs, inputs[positions])
    assert torch.equal(examples[positions].targets, positions)
    assert torch.equal(examples.tiled(3).inputs, torch.cat([inputs] * 3))


def test_batches_of_images_stay_channels_last() -> None:
    batch = Examples(torch.rand(7, 3, 8, 8), torch.arange(7))[torch.tensor([1, 2])]
    assert batch.inputs.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("inputs", "targets", "sentence"),
    [(torch.zeros(3, 2), torch.zeros(2), "3 points but 2 targets"), (torch.zeros(0, 2), torch.zeros(0), "no points")],
)
def test_examples_need_points_with_one_target_each(inputs: Tensor, targets: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Examples(inputs, targets)
