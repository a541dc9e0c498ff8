"""Standardised inputs have mean 0 and standard deviation 1 along what counts as one quantity."""

import pytest
import torch

from bayesal.networks import Standardise


def test_a_table_is_standardised_by_column(generator: torch.Generator) -> None:
    table = torch.rand(50, 3, generator=generator) * torch.tensor([1.0, 10.0, 1e4]) + torch.tensor([0.0, 5.0, -1e5])
    seen = Standardise.of(table)(table)
    torch.testing.assert_close(seen.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(3), atol=1e-4, rtol=0)


def test_images_are_standardised_by_channel(generator: torch.Generator) -> None:
    images = torch.rand(20, 3, 6, 5, generator=generator) * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    seen = Standardise.of(images)(images)
    torch.testing.assert_close(seen.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(40,), (40, 8, 8)])
def test_other_points_are_standardised_as_a_whole(shape: tuple[int, ...], generator: torch.Generator) -> None:
    points = torch.randn(shape, generator=generator) * 3 + 7
    seen = Standardise.of(points)(points)
    assert abs(float(seen.mean())) < 1e-5
    assert abs(float(seen.std(correction=0)) - 1) < 1e-5


def test_what_never_varies_becomes_zero() -> None:
    seen = Standardise.of(torch.full((4, 2), 3.0))(torch.full((4, 2), 3.0))
    assert torch.equal(seen, torch.zeros(4, 2))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float64])
def test_any_number_comes_out_as_the_networks_floats(dtype: torch.dtype) -> None:
    points = torch.arange(6).view(3, 2).to(dtype)
    layer = Standardise.of(points, torch.float32)
    assert layer(points).dtype == torch.float32
    torch.testing.assert_close(layer(points)[:, 0], torch.tensor([-1.5, 0.0, 1.5]) * (2 / 3) ** 0.5)


def test_its_constants_are_saved_and_not_trained() -> None:
    layer = Standardise.of(torch.rand(5, 2))
    assert set(layer.state_dict()) == {"mean", "scale"}
    assert not list(layer.parameters())
