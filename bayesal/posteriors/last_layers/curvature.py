"""Gaussian beliefs about the weights of a linear head, by what their precision is made of.

W is ``C D``: C outputs of D features. The precision is H + Δ I, with the generalised Gauss-Newton matrix
H = Σ_n Λ_n ⊗ φ_n φ_nᵀ of the summed negative log-likelihood; Λ_n is its second derivative in the outputs, ``C C``, or
``C`` numbers where outputs do not meet. Each belief offers ``log_determinant`` of H + Δ I, and a root R of the
covariance, R Rᵀ = (H + Δ I)⁻¹: ``deviations(z)`` is R z, ``project(j)`` is Rᵀ j, both for rows ``K C D``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.posteriors.processes.cholesky import cholesky

LARGEST = 10_000  # weights of one block of a full precision: 800 MB


@runtime_checkable
class Root(Protocol):
    """A root R of the covariance of the weights."""

    def deviations(self, noise: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]: ...
    def project(self, rows: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]: ...
    @property
    def state(self) -> dict[str, Tensor]: ...


@runtime_checkable
class Precise(Root, Protocol):
    """A root whose precision's determinant is known."""

    @property
    def log_determinant(self) -> float: ...


Structure: TypeAlias = Callable[[Float[Tensor, "N D"], Float[Tensor, "N C ..."], float], Precise]
"""``(features, Λ, Δ)`` to a belief."""


@dataclass(frozen=True, eq=False)
class Full:
    """All covariances: B blocks of weights that do not meet, as lower Cholesky factors of their precisions."""

    factors: Float[Tensor, "B p p"]

    @classmethod
    def of(cls, features: Float[Tensor, "N D"], curvature: Float[Tensor, "N C ..."], precision: float) -> "Full":
        size = features.shape[1] * (1 if curvature.ndim == 2 else curvature.shape[1])
        if size > LARGEST:
            raise ValueError(
                f'the full covariance of {size} weights is too large (at most {LARGEST}); take structure="kronecker"'
            )
        if curvature.ndim == 2:  # a block for each output
            blocks = torch.stack([(features * own[:, None]).mT @ features for own in curvature.mT])
        else:
            rows = [
                features.mT @ (own[:, :, None] * features[:, None]).flatten(1) for own in curvature.unbind(1)
            ]  # D times C·D, one output at a time: no row ever holds C² D numbers
            blocks = torch.cat(rows)[None]
        blocks.diagonal(dim1=-2, dim2=-1).add_(precision)
        return cls(cholesky(blocks))

    @property
    def log_determinant(self) -> float:
        return 2 * float(self.factors.diagonal(dim1=-2, dim2=-1).log().sum())

    def deviations(self, noise: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return self._solve(self.factors.mT, noise, upper=True)

    def project(self, rows: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return self._solve(self.factors, rows, upper=False)

    def _solve(self, factors: Float[Tensor, "B p p"], rows: Float[Tensor, "K C D"], *, upper: bool) -> Tensor:
        blocks = rows.reshape(len(rows), *factors.shape[:2]).permute(1, 2, 0)
        return torch.linalg.solve_triangular(factors, blocks, upper=upper).permute(2, 0, 1).reshape(rows.shape)

    @property
    def state(self) -> dict[str, Tensor]:
        return {"precision_factors": self.factors}


@dataclass(frozen=True, eq=False)
class Kronecker:
    """H = G ⊗ A, with G the mean of Λ and A = Σ φ φᵀ (Ritter et al., 2018): eigenvectors V of G, U of A, and the
    precisions g_i a_j + Δ of the weights Vᵀ W U."""

    outputs: Float[Tensor, "C C"]
    inputs: Float[Tensor, "D D"]
    precisions: Float[Tensor, "C D"]

    @classmethod
    def of(cls, features: Float[Tensor, "N D"], curvature: Float[Tensor, "N C ..."], precision: float) -> "Kronecker":
        mean = (curvature.diag_embed() if curvature.ndim == 2 else curvature).sum(0) / max(1, len(features))
        g, outputs = torch.linalg.eigh(mean)
        a, inputs = torch.linalg.eigh(features.mT @ features)
        return cls(outputs, inputs, g.clamp_min(0).outer(a.clamp_min(0)) + precision)

    @property
    def log_determinant(self) -> float:
        return float(self.precisions.log().sum())

    def deviations(self, noise: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return self.outputs @ (noise * self.precisions.rsqrt()) @ self.inputs.mT

    def project(self, rows: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return (self.outputs.mT @ rows @ self.inputs) * self.precisions.rsqrt()

    @property
    def state(self) -> dict[str, Tensor]:
        return {"output_vectors": self.outputs, "input_vectors": self.inputs, "precisions": self.precisions}


@dataclass(frozen=True, eq=False)
class Diagonal:
    """The diagonal of H alone: every weight by itself."""

    precisions: Float[Tensor, "C D"]

    @classmethod
    def of(cls, features: Float[Tensor, "N D"], curvature: Float[Tensor, "N C ..."], precision: float) -> "Diagonal":
        own = curvature if curvature.ndim == 2 else curvature.diagonal(dim1=-2, dim2=-1)
        return cls(own.mT @ features.square() + precision)

    @property
    def log_determinant(self) -> float:
        return float(self.precisions.log().sum())

    def deviations(self, noise: Float[Tensor, "K C D"], /) -> Float[Tensor, "K C D"]:
        return noise * self.precisions.rsqrt()

    project = deviations

    @property
    def state(self) -> dict[str, Tensor]:
        return {"precisions": self.precisions}
