"""The idx files of MNIST and Fashion-MNIST."""

import gzip
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from bayesal.data.dataset import DataSet

NORMALISATION = {"mnist": (0.1307, 0.3081), "fashion-mnist": (0.2860, 0.3530)}
"""Mean and standard deviation of the training pixels, on the scale 0 ... 1."""
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
PARTS = {"inputs": "train-images-idx3-ubyte", "labels": "train-labels-idx1-ubyte"} | {
    "test_inputs": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}


def read_idx(path: Path) -> np.ndarray:
    """One idx file of bytes, gzip-compressed or not. Raises ValueError with its name when it is not whole."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise ValueError(f"cannot read {path}: {error}") from error
    # Two zero bytes, the type (8: unsigned bytes), the number of axes, then each length as a big-endian integer.
    axes = content[3] if len(content) > 3 and content[:3] == b"\0\0\x08" else 0
    shape = np.frombuffer(content, dtype=">i4", count=axes, offset=4).tolist() if len(content) >= 4 + 4 * axes else []
    if not shape or len(content) != 4 + 4 * axes + int(np.prod(shape)):
        raise ValueError(f"{path} is not a whole idx file of bytes; fetch it again")
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * axes).reshape(shape)


def read_folder(folder: Path) -> dict[str, np.ndarray]:
    """The four files of a folder, by the part they hold. Raises ValueError naming the one that is missing."""
    parts = {}
    for part, name in PARTS.items():
        found = [path for path in (folder / f"{name}.gz", folder / name) if path.exists()]
        if not found:
            raise ValueError(f"the folder {folder} lacks {name}.gz; all of {', '.join(PARTS.values())} are needed")
        parts[part] = read_idx(found[0])
    return parts


def digits_or_articles(name: str, parts: dict[str, np.ndarray], source: str) -> DataSet:
    """MNIST or Fashion-MNIST from bytes: images ``1 28 28``, scaled to 0 ... 1, then normalised."""
    mean, sd = NORMALISATION[name]
    labels, test_labels = (torch.from_numpy(parts[part].astype(np.int64)) for part in ("labels", "test_labels"))
    return DataSet(
        name=name,
        inputs=_images(parts["inputs"], mean, sd),
        labels=labels,
        test_inputs=_images(parts["test_inputs"], mean, sd),
        test_labels=test_labels,
        kind="classification",
        class_names=FASHION if name == "fashion-mnist" else tuple("0123456789"),
        ids=np.arange(len(labels)),
        image=True,
        source=source,
        note=f"pixels scaled to 0 ... 1, then normalised with mean {mean} and sd {sd}; ids are rows of the train part",
    )


def _images(pixels: UInt8[np.ndarray, "N H W"], mean: float, sd: float) -> Float[Tensor, "N 1 H W"]:
    scaled = torch.from_numpy(pixels.astype(np.float32)).unsqueeze(1)
    return scaled.div_(255).sub_(mean).div_(sd)
