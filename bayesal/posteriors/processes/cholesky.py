"""Cholesky factors of covariances that are singular to the last digits."""

import torch
from jaxtyping import Float
from torch import Tensor

SMALLEST_JITTER, LARGEST_JITTER = 1e-8, 1e-4


def cholesky(covariances: Float[Tensor, "B L L"]) -> Float[Tensor, "B L L"]:
    """Lower factors. Where one fails, all are taken with jitter on the diagonal: 1e-8 of its mean, then ten times as
    much, up to 1e-4. Raises ValueError if that is not enough, and for numbers that are not finite."""
    if not covariances.isfinite().all():
        raise ValueError(
            "a covariance of the training points holds NaN or infinite numbers; look at the scale of inputs"
        )
    factors, failed = torch.linalg.cholesky_ex(covariances)
    size = covariances.diagonal(dim1=-2, dim2=-1).mean(-1)
    jitter = SMALLEST_JITTER
    while failed.any():
        if jitter > LARGEST_JITTER * 1.5:
            raise ValueError(
                f"the covariance of the {covariances.shape[-1]} training points is not positive definite even with "
                f"{LARGEST_JITTER:g} of its mean variance added; raise the noise, or drop points that repeat others"
            )
        added = covariances.clone()
        added.diagonal(dim1=-2, dim2=-1).add_(jitter * size[:, None])
        factors, failed = torch.linalg.cholesky_ex(added)
        jitter *= 10
    return factors
