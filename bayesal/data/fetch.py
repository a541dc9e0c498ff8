"""Data sets from the network, kept in the cache: OpenML through scikit-learn, then torchvision if it is installed."""

import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError

import numpy as np
import pandas as pd

from bayesal.data.cache import cache_folder, keep, read_arrays, read_table

OPENML = {
    "mnist": 554,
    "fashion-mnist": 40996,
    "diamonds": 42225,
    "concrete": 44959,
    "energy": 44960,
    "kin8nm": 44980,
    "naval-propulsion-plant": 44969,
    "wine-quality-red": 44972,
    "airfoil": 44957,
    "protein": 44963,
}
"""Numbers of data sets on openml.org. What comes is checked against the number of rows it must have."""
TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}
REACH_WITHIN = 5.0  # seconds for a host to answer at all
STALL_AFTER = 30.0  # seconds a download may stand still
TRAIN, SIDE = 60_000, 28


class NotReached(Exception):
    """One way to a data set is closed; the message says why."""


def fetched_table(name: str) -> tuple[pd.DataFrame, str]:
    """The table, target last, and where it came from. Raises NotReached with the reasons."""
    kept = cache_folder() / f"{name}.parquet"
    if kept.exists():
        return read_table(kept), str(kept)
    frame = openml(name)
    return frame, _told(f"openml.org data set {OPENML[name]}", keep(kept, frame))


def fetched_images(name: str) -> tuple[dict[str, np.ndarray], str]:
    """Train and test bytes, and where they came from. Raises NotReached with the reasons."""
    kept = cache_folder() / f"{name}.npz"
    if kept.exists():
        return read_arrays(kept), str(kept)
    try:
        parts, source = _images_of(openml(name)), f"openml.org data set {OPENML[name]}"
    except NotReached as first:
        try:
            parts, source = torchvision(name), "torchvision"
        except NotReached as second:
            raise NotReached(f"{first}; {second}") from second
    return parts, _told(source, keep(kept, parts))


def openml(name: str) -> pd.DataFrame:
    """A data set of OpenML as a table, target last."""
    from sklearn.datasets import fetch_openml

    if name not in OPENML:
        raise NotReached("openml.org has no copy that is known to match")
    _must_answer("https://api.openml.org")
    with TemporaryDirectory() as folder, _stalling_ends():
        try:
            got: Any = fetch_openml(data_id=OPENML[name], data_home=folder, as_frame=True, parser="pandas", n_retries=1)
        except (OSError, ValueError, RuntimeError) as error:
            raise NotReached(f"openml.org did not give data set {OPENML[name]} ({error})") from error
    return got.data.assign(**{str(got.target.name): got.target})


def torchvision(name: str) -> dict[str, np.ndarray]:
    """MNIST or Fashion-MNIST as bytes, by torchvision's own downloader."""
    try:
        from torchvision import datasets  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError, RuntimeError) as error:  # a build that does not match torch raises RuntimeError
        raise NotReached(f"torchvision cannot be imported ({error})") from error
    _must_answer("https://ossci-datasets.s3.amazonaws.com")
    with TemporaryDirectory() as folder, _stalling_ends():
        try:
            train, test = (getattr(datasets, TORCHVISION[name])(folder, train=t, download=True) for t in (True, False))
        except (OSError, RuntimeError) as error:
            raise NotReached(f"torchvision did not give {name} ({error})") from error
    parts = {"inputs": train.data, "labels": train.targets, "test_inputs": test.data, "test_labels": test.targets}
    return {part: values.numpy().astype(np.uint8) for part, values in parts.items()}


def _images_of(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """OpenML keeps an image as a row of 784 pixels and its class, the 60,000 of the train part first."""
    if frame.shape != (TRAIN + 10_000, SIDE * SIDE + 1):
        raise NotReached(f"openml.org gave a table of {frame.shape[0]} x {frame.shape[1]}, which is another data set")
    pixels = frame.iloc[:, :-1].to_numpy(dtype=np.uint8).reshape(-1, SIDE, SIDE)
    labels = frame.iloc[:, -1].astype(int).to_numpy(dtype=np.uint8)
    return {
        "inputs": pixels[:TRAIN],
        "labels": labels[:TRAIN],
        "test_inputs": pixels[TRAIN:],
        "test_labels": labels[TRAIN:],
    }


def _told(source: str, trouble: str) -> str:
    return f"{source} ({trouble})" if trouble else source


def _must_answer(url: str) -> None:
    """Raises NotReached unless the host answers in time. A thread, because looking up a name takes no time limit."""
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=REACH_WITHIN).close()
            outcome.append(None)
        except HTTPError:  # an answer, if not a page
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(REACH_WITHIN)
    if not outcome:
        raise NotReached(f"{url} did not answer within {REACH_WITHIN:.0f} s")
    if outcome[0] is not None:
        raise NotReached(f"{url} cannot be reached ({outcome[0]})")


@contextmanager
def _stalling_ends() -> Iterator[None]:
    """Inside, a download that stands still ends: neither downloader takes a time limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_AFTER)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
