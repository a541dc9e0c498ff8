import numpy as np
import pytest
import torch
from PIL import Image

from bayesal import Pool
from bayesal.data.images import ImageFolderSource


def save(path, values, mode=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values, mode).save(path) if mode else Image.fromarray(values).save(path)


def test_a_folder_of_images_is_a_pool_of_its_file_names(tmp_path):
    for k, name in enumerate(["b.png", "a/c.png", "a/.hidden.png", ".cache/x.png"]):
        save(tmp_path / name, np.full((4, 6), 51 * k, dtype=np.uint8))
    (tmp_path / "notes.txt").write_text("no image")
    pool = Pool.of(tmp_path, chunk_size=1)
    assert pool.ids.tolist() == ["a/c.png", "b.png"]
    images = pool.scan(lambda x: x)
    assert images.shape == (2, 1, 4, 6)
    assert images[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.0])
    assert torch.equal(pool.gather(["b.png", "a/c.png"]), images.flip(0))
    assert pool.scan(lambda x: x, []).shape == (0, 1, 4, 6)


def test_colour_images_have_three_channels_first(tmp_path):
    values = np.zeros((5, 3, 3), dtype=np.uint8)
    values[..., 1] = 255
    save(tmp_path / "a.png", values)
    image = Pool.of(tmp_path).gather(["a.png"])
    assert image.shape == (1, 3, 5, 3)
    assert image.mean((0, 2, 3)).tolist() == [0, 1, 0]


def test_sixteen_bits_keep_their_scale(tmp_path):
    save(tmp_path / "a.png", np.full((2, 2), 65535 // 2, dtype=np.uint16))
    assert Pool.of(tmp_path).gather(["a.png"]).mean().item() == pytest.approx(0.5, abs=1e-4)


def test_other_sizes_and_modes_are_read_as_the_first_one(tmp_path):
    save(tmp_path / "a.png", np.zeros((4, 4), dtype=np.uint8))
    save(tmp_path / "b.png", np.full((8, 2, 3), 255, dtype=np.uint8))
    images = Pool.of(tmp_path).gather(["a.png", "b.png"])
    assert images.shape == (2, 1, 4, 4)
    assert images[1].min() == 1


def test_size_and_channels_can_be_said(tmp_path):
    save(tmp_path / "a.png", np.full((4, 4), 255, dtype=np.uint8))
    source = ImageFolderSource([tmp_path / "a.png"], size=(2, 3), channels=3)
    assert torch.equal(source.gather(np.array([0])), torch.ones(1, 3, 2, 3))


@pytest.mark.parametrize("content", [b"not an image", b""])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    save(tmp_path / "a.png", np.zeros((2, 2), dtype=np.uint8))
    (tmp_path / "b.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot read the image .*b\.png"):
        Pool.of(tmp_path).gather(["b.png"])


def test_a_torn_file_is_named(tmp_path):
    save(tmp_path / "a.png", np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8))
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:900])
    with pytest.raises(ValueError, match=r"b\.png"):
        Pool.of(tmp_path).gather(["b.png"])


def test_pixels_of_unknown_scale_are_refused(tmp_path):
    save(tmp_path / "a.tiff", np.ones((2, 2), dtype=np.float32))
    with pytest.raises(ValueError, match="unknown scale"):
        Pool.of(tmp_path).gather(["a.tiff"])


def test_a_folder_without_images_gets_a_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"no images: expected files ending in \.png"):
        Pool.of(tmp_path)
