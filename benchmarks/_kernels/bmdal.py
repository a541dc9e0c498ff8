"""The peer of every rule over features: bmdal_reg 3.0, which NumPy 2 needs a patch for."""

import contextlib
import importlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bayesal.types import Selection
from benchmarks._compare import Job, peer

PLACE = "bmdal_reg.bmdal"
BEFORE_NUMPY_2 = {"Inf": np.inf}


def bmdal(method: str, rows: Tensor, given: Tensor, batch: int, transforms: Sequence[Any] = (), **settings: Any) -> Job:
    """``select_batch`` on the linear kernel of these features. Call it only where ``installed``."""
    algorithms, data = (importlib.import_module(f"{PLACE}.{name}") for name in ("algorithms", "feature_data"))

    def job() -> Selection:
        with contextlib.redirect_stdout(io.StringIO()):  # it tells what it does
            positions, told = algorithms.select_batch(
                batch,
                [torch.nn.Identity()],
                {"train": data.TensorFeatureData(given), "pool": data.TensorFeatureData(rows)},
                None,
                base_kernel="linear",
                kernel_transforms=list(transforms),
                selection_method=method,
                verbosity=0,
                **settings,
            )
        unknown = torch.full((len(positions),), torch.nan)
        status = told["selection_status"]
        return Selection(positions.tolist(), unknown, unknown, positions, () if status is None else (status,))

    return job


def installed() -> bool:
    """Whether the peer is here; it then finds what NumPy 2 took away."""
    for name, value in BEFORE_NUMPY_2.items():
        setattr(np, name, value)
    return peer(f"{PLACE}.algorithms") is not None
