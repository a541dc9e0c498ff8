"""Images that are turned and moved against the pixels they come from."""

import pytest
import torch
from torch import Generator, Tensor

from bayesal.learning import Augment
from bayesal.learning.distort import Distort, distort_for

SAME = Augment()
IMAGES = torch.randn(6, 2, 9, 9, generator=Generator().manual_seed(0))


def seen(images: Tensor = IMAGES, seed: int = 0, **settings: float) -> Tensor:
    nothing = {"rotation": 0, "stretch": 0, "shear": 0, "shift": 0, "after": SAME}
    return Distort(**{**nothing, **settings})(images, Generator().manual_seed(seed))


def test_without_settings_images_stay_as_they_are() -> None:
    torch.testing.assert_close(seen(), IMAGES, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", ["rotation", "stretch", "shear", "shift"])
def test_each_setting_changes_every_image_in_its_own_way_and_a_seed_is_a_view(name: str) -> None:
    settings = {name: 20 if name == "rotation" else 0.2}
    view = seen(**settings)
    assert view.shape == IMAGES.shape
    assert torch.equal(seen(**settings), view)
    assert not torch.equal(seen(seed=1, **settings), view)
    same = seen(IMAGES[:1].expand(6, 2, 9, 9), **settings)
    assert all(not torch.equal(same[0], other) for other in same[1:])
    assert view.amax() <= IMAGES.amax() + 1e-5  # nothing is made up: the edge is repeated
    assert view.amin() >= IMAGES.amin() - 1e-5


def test_a_turn_keeps_the_centre_and_a_shift_does_not() -> None:
    torch.testing.assert_close(seen(rotation=90)[:, :, 4, 4], IMAGES[:, :, 4, 4], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(seen(shift=0.3)[:, :, 4, 4], IMAGES[:, :, 4, 4])


def test_a_shift_moves_a_line_by_at_most_its_share_of_the_side() -> None:
    images = torch.zeros(50, 1, 20, 20)
    images[:, :, :, 10] = 1.0
    columns = torch.arange(20.0)
    view = seen(images, shift=0.2).mean(dim=(1, 2))
    centres = (view * columns).sum(1) / view.sum(1)
    assert (centres - 10).abs().max() <= 4 + 1e-3
    assert (centres - 10).abs().max() > 2


def test_what_is_seen_is_then_changed_as_augment_does() -> None:
    generator = Generator().manual_seed(0)
    torch.rand(6, 6, generator=generator)
    expected = Augment(noise=0.5)(seen(), generator)
    torch.testing.assert_close(seen(after=Augment(noise=0.5)), expected, atol=1e-5, rtol=1e-4)


def test_settings_and_points_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="shear must be at least 0 and at most 1, but it is 2"):
        Distort(shear=2)
    with pytest.raises(ValueError, match=r"only images N C H W of real numbers can be turned, .* use Augment"):
        Distort()(torch.ones(3, 4), Generator())
    assert isinstance(distort_for(IMAGES), Distort)
    assert isinstance(distort_for(torch.ones(3, 4)), Augment)
    assert Distort()(IMAGES[:0], Generator()).shape == (0, 2, 9, 9)
