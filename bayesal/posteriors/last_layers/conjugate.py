"""Bayesian linear regression: a belief about weights that stays Gaussian, whatever it is told."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.posteriors.processes.cholesky import cholesky


@dataclass(frozen=True, eq=False)
class Conjugate:
    """w_c ~ N(``means``_c, ``covariances``_c) for each of C targets y_c = φᵀ w_c + noise, whose variance is known.

    ``log_evidence``: the log density of all targets of the ``num_rows`` so far, in nats. ``roots``: R_c with R_c R_cᵀ
    the covariances.
    """

    means: Float[Tensor, "C D"]
    covariances: Float[Tensor, "C D D"]
    log_evidence: float = 0.0
    num_rows: int = 0

    @classmethod
    def fit(
        cls, rows: Float[Tensor, "L D"], targets: Float[Tensor, "L C"], noise: Float[Tensor, "L C"], precision: float
    ) -> "Conjugate":
        """Told these targets after the prior N(0, I / Δ), Δ the ``precision``; with no rows it is the prior."""
        weighted = rows.mT / noise.mT[:, None]  # C D L
        precisions = weighted @ rows
        precisions.diagonal(dim1=-2, dim2=-1).add_(precision)
        factors = cholesky(precisions)
        means = torch.cholesky_solve(weighted @ targets.mT[:, :, None], factors)[..., 0]
        missed = (targets - rows @ means.mT).square() / noise
        shrunk = rows.shape[1] * math.log(precision) - 2 * factors.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        evidence = -(missed + (2 * math.pi * noise).log()).sum(0) + shrunk - precision * means.square().sum(1)
        return cls(means, torch.cholesky_inverse(factors), float(evidence.sum() / 2), len(rows))

    def condition_on(
        self, rows: Float[Tensor, "B D"], targets: Float[Tensor, "B C"], noise: Float[Tensor, "B C"]
    ) -> "Conjugate":
        """Told these targets too: an update of rank B, exactly what fitting on all of them gives.

        m' = m + S φ A⁻¹ (y - φᵀ m) and S' = S - S φ A⁻¹ φᵀ S, with A = φᵀ S φ + noise: B D² + B² D + B³ operations.
        """
        across = self.covariances @ rows.mT  # C D B
        factors = cholesky(rows @ across + noise.mT.diag_embed())
        missed = (targets - rows @ self.means.mT).mT[:, :, None]
        half = torch.linalg.solve_triangular(factors, across.mT, upper=False)  # C B D
        surprise = torch.linalg.solve_triangular(factors, missed, upper=False)
        means = self.means + (half.mT @ surprise)[..., 0]
        log_density = surprise.square().sum() + 2 * factors.diagonal(dim1=-2, dim2=-1).log().sum()
        density = -float(log_density + missed.numel() * math.log(2 * math.pi)) / 2
        told = self.covariances - half.mT @ half
        return Conjugate(means, told, self.log_evidence + density, self.num_rows + len(rows))

    def information(self, rows: Float[Tensor, "B D"], noise: Float[Tensor, "B C"]) -> float:
        """I[targets of these rows; w] = ½ log det(I + noise⁻¹ φᵀ S φ), in nats, summed over the C targets."""
        scaled = rows / noise.mT[:, :, None].sqrt()
        together = scaled @ self.covariances @ scaled.mT + torch.eye(len(rows)).to(rows)
        return float(torch.linalg.slogdet(together)[1].sum() / 2)

    @property
    def roots(self) -> Float[Tensor, "C D D"]:
        values, vectors = torch.linalg.eigh(self.covariances)
        return vectors * values.clamp_min(0).sqrt()[:, None]


@dataclass(frozen=True, eq=False)
class Roots:
    """Roots of covariances, one for each output."""

    roots: Float[Tensor, "C D D"]

    def deviations(self, noise: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return torch.einsum("cde,kce->kcd", self.roots, noise)

    def project(self, rows: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return torch.einsum("cde,kcd->kce", self.roots, rows)

    @property
    def state(self) -> dict[str, Tensor]:
        return {"roots": self.roots}
