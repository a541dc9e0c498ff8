"""Views of gradients in a classifier's last layer with labels that are known, guessed, or believed in part."""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.numerics.kronecker import Kronecker
from bayesal.recipe import recipe
from bayesal.representations import gradient_signatures, label_model
from bayesal.types import Inputs
from bayesal.views.last_layer import LastLayer, LastLayerLook


@dataclass(frozen=True, eq=False)
class GradientSignaturesLook:
    """Points in, logits and features side by side out; ``unpack`` makes signatures and variances of those."""

    last_layer: LastLayerLook
    trust: float

    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N E"]:
        return self.last_layer(inputs)

    def unpack(self, rows: Float[Tensor, "N E"]) -> tuple[Kronecker, Float[Tensor, "N"]]:
        """Φ_n = (p_n - π_n) ⊗ h_n as its factors, and σ²_n."""
        logits, features = self.last_layer.split(rows)
        believed = label_model(logits, self.trust)
        unsure = label_model(logits, 0.0) if self.trust == 1 else believed  # a sure label has no variance
        return gradient_signatures(logits, features, believed, unsure)


@dataclass(frozen=True, repr=False)
class GradientSignatures:
    """Rows for ``SparseApproximation``: the mean and the variance of the last layer's gradient, as
    ``representations.gradient_signatures`` has them, under π = (1 - ρ) p + ρ e_ŷ with ``trust`` ρ.

    At ρ = 0 every mean is 0, and only variances count; at ρ = 1 variances are those of p. Logits and features are those
    of ``last_layer``, and so are the errors. What is scanned is small; a strategy calls the look's ``unpack`` after it.
    """

    trust: float = 0.5
    last_layer: LastLayer = field(default_factory=LastLayer)

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> GradientSignaturesLook:
        label_model(torch.zeros(0, 2), self.trust)  # refused before anything is scanned
        return GradientSignaturesLook(self.last_layer(belief, pool, generator=generator), self.trust)
