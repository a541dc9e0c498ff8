"""Kernels of several exact processes, by their marginal likelihood."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.posteriors.processes.cholesky import cholesky
from bayesal.posteriors.processes.kernels import Stationary

MAX_STEPS = 30
FLATTEST = 1e-5  # nats a label: the steps end where the slope is less


def log_evidence(
    kernel: Stationary,
    points: Float[Tensor, "L D"],
    targets: Float[Tensor, "C L"],
    noise: Float[Tensor, "C L"],
) -> Float[Tensor, ""]:
    """Σ_c log N(targets_c; 0, kernel_c(X, X) + diag noise_c)."""
    factor = cholesky(kernel(points, points) + torch.diag_embed(noise))
    standard = torch.linalg.solve_triangular(factor, targets[:, :, None], upper=False)
    return (
        -standard.square().sum() / 2
        - factor.diagonal(dim1=-2, dim2=-1).log().sum()
        - targets.numel() * math.log(2 * math.pi) / 2
    )


def fitted_kernel(
    lengths: Float[Tensor, "#C #D"],
    amplitude: Float[Tensor, "#C"],
    smoothness: float,
    points: Float[Tensor, "L D"],
    targets: Float[Tensor, "C L"],
    noise: Float[Tensor, "C L"],
) -> Stationary:
    """The largest evidence times LogNormal(log start, 1) priors around these lengths and amplitudes, by L-BFGS."""
    moved = [torch.zeros_like(lengths, requires_grad=True), torch.zeros_like(amplitude, requires_grad=True)]

    def kernel() -> Stationary:
        own = (lengths * moved[0].exp()).expand(-1, points.shape[1])
        return Stationary(own, amplitude * moved[1].exp(), smoothness)

    optimiser = torch.optim.LBFGS(moved, max_iter=MAX_STEPS, line_search_fn="strong_wolfe", tolerance_grad=FLATTEST)

    def loss() -> Tensor:
        optimiser.zero_grad()
        prior = sum((one.square().sum() / 2 for one in moved), torch.zeros(()).to(points))
        value = (prior - log_evidence(kernel(), points, targets, noise)) / len(points)
        value.backward()
        return value

    optimiser.step(loss)
    with torch.no_grad():
        found = kernel()
    return Stationary(found.lengths.clone(), found.amplitude.clone(), smoothness)
