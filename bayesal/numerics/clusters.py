"""k-means: scikit-learn's where the rows are on the CPU, Lloyd's iteration in torch where they are not."""

import warnings
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.numerics.distance.screen import unit
from bayesal.numerics.lloyd import lloyd

FEW = 50  # clusters: up to here every step looks at all rows
BATCH = 5_000  # rows a step looks at beyond


def k_means(
    rows: Tensor, k: int, *, restarts: int = 10, generator: Generator
) -> tuple[Int[Tensor, "N"], Float[Tensor, "k D"]]:
    """(which of k clusters each row is in, their centres), from k-means++ seeds; the best of ``restarts`` runs.

    They minimise Σ_n ‖x_n - c(n)‖² over rows ``N D`` (Lloyd, 1982). On the CPU that is scikit-learn's ``KMeans``, and
    its ``MiniBatchKMeans`` in steps of 5,000 rows beyond 50 clusters and 5,000 rows; elsewhere Lloyd's iteration in
    torch, so that no row leaves the device. A cluster is empty where there are fewer different rows than clusters.
    Raises ValueError for rows that are no features, for NaN and infinities, and for k below 1 or above N.
    """
    if rows.ndim != 2 or not rows.is_floating_point():
        raise ValueError(
            f"k-means clusters features of shape (N, D), but these are {rows.dtype} of shape {tuple(rows.shape)}"
        )
    if not 1 <= k <= len(rows):
        raise ValueError(f"k-means finds from 1 to {len(rows)} clusters among {len(rows)} rows, but k is {k}")
    if restarts < 1:
        raise ValueError(f"k-means starts at least once, but restarts is {restarts}")
    unit(rows, "rows")
    rows = rows.detach()
    if rows.dtype not in (torch.float32, torch.float64):
        rows = rows.float()
    if rows.device.type != "cpu":
        return lloyd(rows, k, restarts=restarts, generator=generator)
    return _by_scikit_learn(rows, k, restarts, int(torch.randint(2**31 - 1, (), generator=generator)))


def _by_scikit_learn(
    rows: Float[Tensor, "N D"], k: int, restarts: int, seed: int
) -> tuple[Int[Tensor, "N"], Float[Tensor, "k D"]]:
    from sklearn.cluster import KMeans, MiniBatchKMeans  # here, because they take a second to import
    from sklearn.exceptions import ConvergenceWarning

    several: Any = restarts  # the stubs know only its default
    model: KMeans | MiniBatchKMeans
    if k <= FEW or len(rows) <= BATCH:
        model = KMeans(k, n_init=several, random_state=seed)
    else:
        model = MiniBatchKMeans(k, n_init=several, batch_size=BATCH, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different rows than clusters: those stay empty
        model.fit(np.ascontiguousarray(rows.numpy()))
    return torch.as_tensor(model.labels_, dtype=torch.int64), torch.as_tensor(model.cluster_centers_).to(rows)
