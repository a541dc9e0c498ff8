"""Pictures of points: on the disk as one file without pickles, in a report as data URIs."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

LARGEST = 96  # pixels on the longer side


def data_uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def pictures_of(images: Mapping[Any, np.ndarray], ids: Sequence[Any]) -> dict[Any, str]:
    """The images of these ids, where there are any, on one common grey or colour scale, as PNG data URIs.

    Whole numbers of 8 bits are shown as they are; others are scaled from the lowest to the highest value of them all.
    """
    shown = {id_: _upright(images[id_], id_) for id_ in ids if id_ in images}
    if not shown:
        return {}
    low = min(float(image.min()) for image in shown.values())
    high = max(float(image.max()) for image in shown.values())
    return {id_: data_uri(_png(_bytes(image, low, high)), "png") for id_, image in shown.items()}


def pack(images: Mapping[Any, np.ndarray], ids: Sequence[Any]) -> bytes:
    """The images of these ids, where there are any, as the content of a ``.npz``; ids are kept as text."""
    shown = [id_ for id_ in ids if id_ in images]
    arrays: dict[str, Any] = {f"image{number}": np.asarray(images[id_]) for number, id_ in enumerate(shown)}
    file = BytesIO()
    np.savez_compressed(file, ids=np.array([str(id_) for id_ in shown], dtype=str), **arrays)
    return file.getvalue()


def unpack(content: bytes, kind: type[str] | type[int]) -> dict[Any, np.ndarray]:
    """What ``pack`` packed; ``kind`` is what the ids were."""
    with np.load(BytesIO(content), allow_pickle=False) as file:
        return {kind(id_): file[f"image{number}"] for number, id_ in enumerate(file["ids"].tolist())}


def _upright(image: np.ndarray, id_: Any) -> np.ndarray:
    """H W for grey, H W 3 for colour. Raises ValueError for other shapes and for values that are not finite."""
    array = np.asarray(image)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[-1] not in (1, 3):
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.size == 0 or (array.ndim != 2 and (array.ndim != 3 or array.shape[-1] != 3)):
        raise ValueError(f"an image must be H W, C H W or H W C with 1 or 3 channels, but {id_!r} is {np.shape(image)}")
    if not np.isfinite(array).all():
        raise ValueError(f"the image of {id_!r} has values that are not finite; leave it out or mend the data")
    return array


def _bytes(image: np.ndarray, low: float, high: float) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    return np.round((image.astype(np.float64) - low) / ((high - low) or 1.0) * 255).astype(np.uint8)


def _png(image: np.ndarray) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((LARGEST, LARGEST))
    file = BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()
