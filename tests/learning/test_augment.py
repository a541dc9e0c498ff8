"""Views of points: what changes, what does not, and where the randomness comes from."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.learning.augment import IMAGES, TABLES, Augment, augment_for


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def images(n: int = 6, channels: int = 2, side: int = 8, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(n, channels, side, side, generator=seed(3), dtype=dtype)


def moved(image: Tensor, down: int, right: int) -> Tensor:
    """The same image seen from so many rows lower and columns further right, in plain loops."""
    out = torch.empty_like(image)
    channels, rows, columns = image.shape
    for c in range(channels):
        for i in range(rows):
            for j in range(columns):
                out[c, i, j] = image[c, min(max(i + down, 0), rows - 1), min(max(j + right, 0), columns - 1)]
    return out


def test_nothing_is_changed_by_default_and_nothing_is_drawn() -> None:
    generator = seed()
    assert torch.equal(Augment()(images(), generator), images())
    assert torch.equal(generator.get_state(), seed().get_state())


def test_a_shifted_image_is_the_same_image_from_elsewhere_with_its_edges_repeated() -> None:
    points = images(30, 1)
    seen = Augment(shift=0.25)(points, seed())
    places = set()
    for before, after in zip(points, seen, strict=True):
        fits = [(i, j) for i in range(-2, 3) for j in range(-2, 3) if torch.equal(moved(before, i, j), after)]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) > 10


def test_a_mirrored_image_is_itself_or_its_mirror_image() -> None:
    points = images(40)
    seen = Augment(flip=True)(points, seed())
    flipped = [torch.equal(after, before.flip(2)) for before, after in zip(points, seen, strict=True)]
    same = [torch.equal(after, before) for before, after in zip(points, seen, strict=True)]
    assert all(a != b for a, b in zip(flipped, same, strict=True))
    assert 10 <= sum(flipped) <= 30


def test_contrast_keeps_the_mean_and_brightness_the_spread() -> None:
    points = images(50, dtype=torch.float64)
    seen = Augment(contrast=0.5)(points, seed())
    assert torch.allclose(seen.mean((1, 2, 3)), points.mean((1, 2, 3)))
    ratio = seen.std((1, 2, 3)) / points.std((1, 2, 3))
    assert 0.5 <= ratio.min() < 0.7 < 1.3 < ratio.max() <= 1.5
    brighter = Augment(brightness=0.5)(points, seed()) - points
    assert torch.allclose(brighter, brighter[:, :1, :1, :1].expand_as(brighter))
    assert brighter.abs().max() <= 0.5


def test_masked_numbers_are_zero_and_the_others_as_they_were() -> None:
    points = torch.randn(200, 20, generator=seed(1)) + 10
    seen = Augment(mask=0.3)(points, seed())
    assert torch.equal(seen[seen != 0], points[seen != 0])
    assert 0.27 < (seen == 0).double().mean() < 0.33


def test_noise_has_the_spread_it_was_given() -> None:
    points = torch.zeros(100, 50, dtype=torch.float64)
    assert Augment(noise=0.2)(points, seed()).std() == pytest.approx(0.2, rel=0.05)


@given(number=st.integers(0, 10_000), n=st.integers(0, 4), side=st.integers(1, 9))
def test_a_seed_fixes_the_view_and_neither_the_points_nor_the_global_generator_change(number, n, side) -> None:
    for points in (
        images(n, 1, side),
        torch.randn(n, side, generator=seed(1)),
        torch.randn(n, side, 2, generator=seed(1)),
    ):
        before, state = points.clone(), torch.get_rng_state()
        augment = augment_for(points)
        one, other = augment(points, seed(number)), augment(points, seed(number))
        assert torch.equal(one, other)
        assert (one.shape, one.dtype) == (points.shape, points.dtype)
        assert torch.equal(points, before)
        assert torch.equal(torch.get_rng_state(), state)


def test_two_views_of_a_point_differ() -> None:
    generator = seed()
    for points in (images(), torch.randn(6, 4, generator=seed(1))):
        augment = augment_for(points)
        one, other = augment(points, generator), augment(points, generator)
        assert bool((one != other).flatten(1).any(1).all())


def test_the_defaults_follow_the_shape() -> None:
    assert augment_for(images()) == IMAGES
    assert augment_for(torch.zeros(2, 3)) == TABLES
    assert not IMAGES.flip


def test_gradients_flow_through() -> None:
    points = images(2, dtype=torch.float64).requires_grad_()
    IMAGES(points, seed()).sum().backward()
    assert points.grad is not None
    assert float(points.grad.abs().sum()) > 0


@pytest.mark.parametrize("settings", [{"mask": 1.0}, {"shift": -0.1}, {"noise": float("nan")}, {"contrast": 1.5}])
def test_settings_out_of_range_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be at least 0 and less than"):
        Augment(**settings)


def test_words_have_no_such_views() -> None:
    with pytest.raises(ValueError, match=r"real numbers .* torch.int64; give an augmentation of your own"):
        TABLES(torch.zeros(2, 3, dtype=torch.int64), seed())
