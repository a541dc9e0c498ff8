"""Second moments of rows and Cholesky factors with noise, in float64 whatever the rows."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

ELEMENTS = 2**22  # of rows looked at together: 32 MiB in float64
LEAST = 1e-12  # of a trace: variances below this share of it are lost in the rounding of a Cholesky factor
MOST = 1e-6  # of a trace: a matrix that needs more is no covariance


def blocks(num_rows: int, width: int, elements: int | None = None) -> list[slice]:
    """Rows that are looked at together, when each needs so many numbers."""
    step = max(1, (elements or ELEMENTS) // max(1, width))
    return [slice(start, start + step) for start in range(0, num_rows, step)]


def second_moment(rows: Shaped[Tensor, "N D"]) -> Float[Tensor, "D D"]:
    """ΦᵀΦ of rows Φ, by blocks."""
    width = rows.shape[1]
    total = torch.zeros(width, width, dtype=torch.float64, device=rows.device)
    for some in blocks(len(rows), width):
        block = rows[some].double()
        total.addmm_(block.mT, block)
    return total


def noisy_cholesky(
    matrix: Float[Tensor, "P P"], noise: float | int
) -> tuple[Float[Tensor, "P P"], float, tuple[str, ...]]:
    """The lower factor of K + σ²I for K positive semi-definite, the variance σ² it holds, and what there is to report.

    ``noise`` is σ. A σ² below 1e-12 of the trace of K is raised to that (to 1 where K is 0 and σ² cannot matter), so
    that the two ways to write a posterior, by K and by its features, which have the same trace, stay the same.

    Raises ValueError for K with NaN or infinities, and for K that is not positive semi-definite.
    """
    noise = float(noise)
    trace = float(matrix.diagonal().sum())
    if not math.isfinite(trace):
        raise ValueError("the kernel between known points must be finite, but its trace is not; check the rows")
    variance = max(noise**2, LEAST * trace) or 1.0
    factor, failed = torch.linalg.cholesky_ex(_plus(matrix, variance))
    while bool(failed) and variance < MOST * trace:
        variance *= 10
        factor, failed = torch.linalg.cholesky_ex(_plus(matrix, variance))
    if bool(failed):
        raise ValueError("the kernel between known points is not positive semi-definite, so it is no covariance")
    if trace == 0 or variance == noise**2:
        return factor, variance, ()
    return factor, variance, (_note(variance, noise, trace),)


def _plus(matrix: Float[Tensor, "P P"], variance: float) -> Float[Tensor, "P P"]:
    summed = matrix.clone()
    summed.diagonal().add_(variance)
    return summed


def _note(variance: float, noise: float, trace: float) -> str:
    return (
        f"noise {noise:.3g} is too small beside known rows whose kernel has the trace {trace:.3g}: "
        f"{variance - noise**2:.3g} was added to its square, so that {variance:.3g} is the variance used"
    )
