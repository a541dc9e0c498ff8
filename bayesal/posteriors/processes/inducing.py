"""What Gaussian processes know at their inducing points, as plain tensors: draws of functions, and moments."""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.linalg import solve_triangular

from bayesal.posteriors.processes.kernels import Stationary
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES, Paths, draw_paths, noisy_factor


@dataclass(frozen=True, eq=False)
class Inducing:
    """C functions f_c(x) = prior_mean_c(x) + g_c(x), g_c ~ GP(0, kernel_c), with L⁻¹g_c(Z) ~ N(mean_c, root_c root_cᵀ).

    L is the Cholesky factor of kernel(Z, Z) + jitter; Z are the M ``points`` that all C share.
    """

    kernel: Stationary
    points: Float[Tensor, "M D"]
    mean: Float[Tensor, "C M"]
    root: Float[Tensor, "C M M"]
    jitter: float

    def draw(self, num_paths: int, *, generator: Generator, num_frequencies: int = NUM_FREQUENCIES) -> Paths:
        """K functions g of each process, jointly over any points: g = prior + kernel(·, Z) L⁻ᵀ(v - L⁻¹ prior(Z)), with
        one v = L⁻¹g(Z) for each (Wilson et al., 2020)."""
        factor = self.factor()
        v = torch.randn(*self.mean.shape, num_paths, generator=generator, dtype=torch.float64).to(self.mean.device)
        v = self.mean[:, :, None] + self.root @ v
        residual = draw_paths(
            self.kernel,
            self.points,
            torch.zeros_like(self.mean),
            self.mean.new_full((1, 1), self.jitter),
            num_paths,
            generator=generator,
            num_frequencies=num_frequencies,
            factor=factor.expand(len(self.mean), -1, -1),
        )
        return replace(residual, corrections=residual.corrections + solve_triangular(factor.mT, v, upper=True))

    def given(self, inputs: Float[Tensor, "L D"], targets: Float[Tensor, "L"], noise: float) -> "Inducing":
        """With the q that maximises the evidence bound for labels of Gaussian ``noise`` variance (Titsias, 2009)."""
        beside = self.beside(inputs)
        precision = torch.eye(len(self.points)).to(beside) + beside @ beside.mT / noise
        inverse = torch.linalg.cholesky(precision)
        root = solve_triangular(inverse.mT, torch.eye(len(self.points)).to(inverse).expand_as(inverse), upper=True)
        mean = torch.cholesky_solve(beside @ targets[:, None] / noise, inverse)[..., 0]
        return replace(self, mean=mean, root=root)

    def expected(self, inputs: Float[Tensor, "N D"]) -> Float[Tensor, "C N"]:
        """E[g]."""
        return (self.beside(inputs).mT @ self.mean[:, :, None])[..., 0]

    def covariance(self, inputs: Float[Tensor, "N D"], others: Float[Tensor, "M D"]) -> Float[Tensor, "C N M"]:
        """Cov[g(x), g(x')] = kernel(x, x') - a(x)ᵀ(I - S) a(x'), a(x) = L⁻¹ kernel(Z, x)."""
        here, there = self.beside(inputs), self.beside(others)
        return self.kernel(inputs, others) - here.mT @ there + (self.root.mT @ here).mT @ (self.root.mT @ there)

    def variance(self, inputs: Float[Tensor, "N D"]) -> Float[Tensor, "C N"]:
        """Var[g]."""
        here = self.beside(inputs)
        known = here.square().sum(-2) - (self.root.mT @ here).square().sum(-2)
        return (self.kernel.amplitude[:, None] - known).clamp_min(0)

    def beside(self, inputs: Float[Tensor, "N D"]) -> Float[Tensor, "#C M N"]:
        """a(x) = L⁻¹ kernel(Z, x)."""
        return solve_triangular(self.factor(), self.kernel(self.points, inputs), upper=False)

    def factor(self) -> Float[Tensor, "#C M M"]:
        """L."""
        return noisy_factor(self.kernel, self.points, self.mean.new_full((1, 1), self.jitter))
