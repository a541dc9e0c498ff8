"""Functions drawn from Gaussian processes: prior functions made of waves, each corrected at the training points."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.posteriors.processes.cholesky import cholesky
from bayesal.posteriors.processes.kernels import Stationary

NUM_FREQUENCIES = 2048
BLOCK = 2**22  # numbers: more rows of waves than this hold are never in memory together


@dataclass(frozen=True, eq=False)
class Paths:
    """K functions of each of B Gaussian processes, with mean zero before anything was known:

    f_bk(x) = √(amplitude_b / F) Σ_f (cos(ω_f·x) u_bfk + sin(ω_f·x) v_bfk) + Σ_l kernel_b(x, x_l) c_blk.

    ``weights`` holds u and v, the factor in front included. The same point has the same value in any chunk, up to the
    rounding of sums.
    """

    kernel: Stationary
    inputs: Float[Tensor, "L D"]
    frequencies: Float[Tensor, "#B D F"]
    weights: Float[Tensor, "B F2 K"]
    corrections: Float[Tensor, "B L K"]

    def __call__(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "B N K"]:
        """Values at these points, some rows at a time."""
        width = len(self.frequencies) * self.weights.shape[1] + len(self.weights) * len(self.inputs)
        rows = max(1, BLOCK // width)
        blocks = [
            prior_values(block, self.frequencies, self.weights) + self.kernel(block, self.inputs) @ self.corrections
            for block in points.split(rows)
        ]
        return torch.cat(blocks, dim=1)


@torch.no_grad()
def draw_paths(
    kernel: Stationary,
    inputs: Float[Tensor, "L D"],
    targets: Float[Tensor, "B L"],
    noise: Float[Tensor, "#B #L"],
    num_paths: int,
    *,
    generator: Generator,
    num_frequencies: int = NUM_FREQUENCIES,
    factor: Float[Tensor, "#B L L"] | None = None,
) -> Paths:
    """K functions of each of B processes given noisy values (Matheron's rule; Wilson et al., 2020).

    f | y = f_prior + kernel(·, X) (kernel(X, X) + noise)⁻¹ (y - f_prior(X) - ε), ε ~ N(0, noise), where only f_prior is
    an approximation, by 2F waves with normal weights. ``targets`` are the values less the prior mean, ``noise`` the
    variances of ε; L = 0 draws from the prior. ``factor``: the Cholesky factor of kernel(X, X) + noise, if at hand.
    """
    like, num_kernels = inputs.dtype, len(targets)
    frequencies = kernel.frequencies(num_frequencies, generator=generator).to(inputs)

    def normal(*shape: int) -> Tensor:
        return torch.randn(num_kernels, *shape, generator=generator, dtype=like).to(inputs.device)

    weights = normal(2 * num_frequencies, num_paths) * (kernel.amplitude / num_frequencies).sqrt()[:, None, None]
    errors = normal(len(inputs), num_paths) * noise.sqrt()[:, :, None]
    missed = targets[:, :, None] - prior_values(inputs, frequencies, weights) - errors
    if factor is None:
        factor = noisy_factor(kernel, inputs, noise)
    return Paths(kernel, inputs, frequencies, weights, torch.cholesky_solve(missed, factor))


def noisy_factor(
    kernel: Callable[[Tensor, Tensor], Tensor], inputs: Float[Tensor, "L D"], noise: Float[Tensor, "#B #L"]
) -> Float[Tensor, "#B L L"]:
    """The Cholesky factors of kernel(X, X) + noise."""
    covariances = kernel(inputs, inputs)
    return cholesky(covariances + torch.diag_embed(noise.expand(noise.shape[0], len(inputs))))


def prior_values(
    points: Float[Tensor, "N D"], frequencies: Float[Tensor, "#B D F"], weights: Float[Tensor, "B F2 K"]
) -> Float[Tensor, "B N K"]:
    """Sums of waves at these points."""
    angles = points @ frequencies
    count = angles.shape[-1]
    return angles.cos() @ weights[:, :count] + angles.sin() @ weights[:, count:]
