"""How far points are from the classes, each a Gaussian around its mean, all with one covariance."""

import math
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int, Shaped
from sklearn.covariance import ledoit_wolf_shrinkage
from torch import Tensor

from bayesal.numerics.linalg import blocks, second_moment


@dataclass(frozen=True, eq=False)
class ClassGaussians:
    """Means of the classes that have an example, and the factor LLᵀ = Σ of their one covariance, in float64.

    ``classes``: which classes those are. ``shrinkage``: the share λ of Σ that is a multiple of the identity. ``notes``:
    what the caller should know.
    """

    classes: Int[Tensor, "C"]
    means: Float[Tensor, "C D"]
    factor: Float[Tensor, "D D"]
    shrinkage: float
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def fit(
        cls, features: Shaped[Tensor, "L ..."], labels: Shaped[Tensor, "_ ..."], *, shrinkage: float | int | None = None
    ) -> "ClassGaussians":
        """Σ = (1 - λ) S + λ (tr S / D) I of S = (1/L) Σ_i (z_i - μ_{y_i})(z_i - μ_{y_i})ᵀ (Lee et al., NeurIPS 2018).

        ``features``: ``L D``, ``labels``: L class numbers; a class without an example is not there. ``shrinkage`` is λ
        in [0, 1]; None: that of Ledoit and Wolf (2004), which fades as L grows. Where no class has two different
        points S is 0, and Σ the identity, which is noted: distances are then Euclidean.

        Raises ValueError for no examples, for features that are not finite, for labels that are not class numbers, and
        for a Σ that is singular, as S is wherever L is less than D and the number of classes together.
        """
        classes, which = _classes(features, labels)
        if shrinkage is not None and not 0 <= shrinkage <= 1:
            raise ValueError(f"shrinkage is a share from 0 to 1, but it is {shrinkage}")
        rows = features.detach().double()
        counts = which.bincount()
        means = torch.zeros(len(classes), rows.shape[1], dtype=rows.dtype, device=rows.device)
        means = means.index_add_(0, which, rows) / counts[:, None]
        apart = rows - means[which]
        covariance = second_moment(apart) / len(rows)
        mean_variance = float(covariance.diagonal().mean())
        eye = torch.eye(rows.shape[1], dtype=rows.dtype, device=rows.device)
        if not mean_variance > 0:
            note = "no class has two different labelled points, so distances to the classes are Euclidean"
            return cls(classes, means, eye, 1.0, (note,))
        share = _ledoit_wolf(apart) if shrinkage is None else float(shrinkage)
        factor, failed = torch.linalg.cholesky_ex((1 - share) * covariance + share * mean_variance * eye)
        smallest = float(factor.diagonal().amin()) ** 2
        if bool(failed) or not smallest > len(eye) * torch.finfo(rows.dtype).eps * mean_variance:
            raise ValueError(
                f"{len(rows)} points of {len(classes)} classes leave the covariance of {len(eye)} features singular "
                f"with a shrinkage of {share:.3g}; give a larger shrinkage, or None"
            )
        return cls(classes, means, factor, share)

    def squared_distances(self, features: Shaped[Tensor, "N D"]) -> Float[Tensor, "N"]:
        """min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c): to the nearest class, in float64.

        Whitened once, z ← L⁻¹ z, so that distances are plain ones: O(N D² + N C D), in blocks of rows. They have
        gradients where features do.
        """
        means = self._whitened(self.means)
        found = torch.empty(len(features), dtype=torch.float64, device=features.device)
        for some in blocks(len(features), features.shape[1]):
            apart = torch.cdist(
                self._whitened(features[some].double()), means, compute_mode="donot_use_mm_for_euclid_dist"
            )
            found[some] = apart.amin(1).square()
        return found

    def _whitened(self, rows: Float[Tensor, "N D"]) -> Float[Tensor, "N D"]:
        return torch.linalg.solve_triangular(self.factor, rows.mT, upper=False).mT


def _ledoit_wolf(apart: Float[Tensor, "L D"]) -> float:
    return float(ledoit_wolf_shrinkage(apart.cpu().numpy(), assume_centered=True))


def _classes(features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The classes that have an example, and the place among them of each example."""
    if features.ndim != 2 or labels.shape != features.shape[:1]:
        raise ValueError(
            f"features L D need one class number a row, but they have the shape {tuple(features.shape)} and the labels "
            f"{tuple(labels.shape)}"
        )
    if len(features) == 0:
        raise ValueError("there is no labelled example, so nothing says what belongs to the classes; label some first")
    if not bool(features.isfinite().all()) or not math.prod(features.shape):
        raise ValueError("features of labelled points must be finite numbers, but they are not; check the belief")
    if bool((labels != labels.round()).any() if labels.is_floating_point() else False) or bool((labels < 0).any()):
        raise ValueError(
            "labels must be class numbers 0, 1, ..., but there are others; for amounts there are no classes"
        )
    return labels.long().unique(return_inverse=True)
