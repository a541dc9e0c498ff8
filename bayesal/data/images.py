"""Image files, opened when asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
GREY = ("1", "L", "LA")
GREY_16_BIT = ("I;16", "I;16L", "I;16B", "I;16N", "I")  # a 16-bit PNG opens as "I" in older Pillows


class ImageFolderSource:
    """Image files as float tensors ``n channels height width`` between 0 and 1.

    ``size`` (height, width) and ``channels`` (1 grey, 3 colour) default to those of the first file; a file of another
    size is resized, one of another colour mode converted. A file that cannot be read raises ValueError with its name.
    """

    def __init__(self, paths: Sequence[Path], size: tuple[int, int] | None = None, channels: int | None = None) -> None:
        if not paths:
            raise ValueError("the folder holds no images: expected files ending in " + " ".join(IMAGE_SUFFIXES))
        self.paths = list(paths)
        if size is None or channels is None:
            with _open(self.paths[0]) as first:
                size = size or (first.height, first.width)
                channels = channels or (1 if first.mode in GREY + GREY_16_BIT else 3)
        self.size = size
        self.channels = channels

    def __len__(self) -> int:
        return len(self.paths)

    def gather(self, positions: np.ndarray, /) -> Tensor:
        images = torch.empty(len(positions), self.channels, *self.size)
        for row, position in enumerate(positions.tolist()):
            images[row] = self._read(self.paths[position])
        return images

    def _read(self, path: Path) -> Tensor:
        height, width = self.size
        with _open(path) as image:
            if image.mode in GREY_16_BIT:  # Pillow's own conversion would clip these to 8 bits
                deep = Image.fromarray(np.asarray(image, dtype=np.float32))
                values = np.asarray(_resized(deep, height, width)) / 65535
                if values.max() <= 1:
                    return torch.from_numpy(values).expand(self.channels, height, width)
            if image.mode in ("I", "F"):
                raise ValueError(f"the image {path} has pixels of unknown scale; save it with 8 or 16 bits a pixel")
            image = _resized(image.convert("L" if self.channels == 1 else "RGB"), height, width)
            values = np.asarray(image, dtype=np.float32) / 255
        return torch.from_numpy(values.reshape(height, width, self.channels)).permute(2, 0, 1)


def image_paths(folder: Path) -> list[Path]:
    """All image files below the folder, in the order of their names; hidden files and folders are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
    named = ((path.relative_to(folder).as_posix(), path) for path in found)
    return [path for name, path in sorted(named) if not any(part.startswith(".") for part in name.split("/"))]


def relative_names(paths: Sequence[Path], folder: Path) -> list[str]:
    """The names of files below a folder, with forward slashes on every system: the ids of images."""
    return [path.relative_to(folder).as_posix() for path in paths]


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.copy()  # all of it read, and the file closed
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot read the image {path}: {error}") from error


def _resized(image: Image.Image, height: int, width: int) -> Image.Image:
    return image if image.size == (width, height) else image.resize((width, height), Image.Resampling.BILINEAR)
