"""Random features of few dimensions whose inner products are those of the gradients of a network, on average."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.numerics.layers import Use
from bayesal.numerics.outer import blocks, projected, projected_matrices
from bayesal.numerics.weight_gradients import Gradients


@dataclass(frozen=True, eq=False)
class Projection:
    """M ↦ outer_jᵀ M inner_j for every column j, of matrices ``O x I``."""

    inner: Float[Tensor, "I p"]
    outer: Float[Tensor, "O p"]

    def of_layer(self, gradients: Gradients, name: str) -> Float[Tensor, "N p"]:
        """From what went in and came out of the layer whose weight this is."""
        outer = self.outer.unflatten(0, (gradients.products[name][0][0].groups, -1))
        factors = gradients.factors(name, self.inner.shape[1])
        return torch.cat([projected(left, right, outer, self.inner) for left, right in factors])

    def of_matrices(self, matrices: Float[Tensor, "N ..."]) -> Float[Tensor, "N p"]:
        """From the gradients written down."""
        matrices = matrices.reshape(len(matrices), 1, len(self.outer), -1)
        parts = blocks(len(matrices), self.outer.numel() + matrices[0].numel())
        return torch.cat([projected_matrices(matrices[some], self.outer[None], self.inner) for some in parts])


@dataclass(frozen=True, eq=False)
class GradientSketch:
    """φ with E[φ(x)ᵀ φ(x')] = ⟨∇f(x), ∇f(x')⟩, off by about √(2/p) of the lengths: drawn once, then a function.

    The gradient of a layer, Σ_t g_t x̃_tᵀ with its inputs x̃ = (a, 1) and the gradients g of its outputs at positions t,
    becomes √p Σ_t (x̃_t A) ⊙ (g_t B) with independent entries N(0, 1/p) in A and B (Holzmüller et al., 2023). Any other
    matrix M of gradients becomes √p diag(Bᵀ M A), which is the same, and any other vector v becomes v A. All are added.
    """

    matrices: dict[str, Projection]
    vectors: dict[str, Float[Tensor, "P p"]]

    @classmethod
    def draw(
        cls,
        uses: Sequence[Use],
        state: Mapping[str, Tensor],
        names: Sequence[str],
        dimension: int,
        *,
        generator: Generator,
    ) -> "GradientSketch":
        """For the entries of ``state`` of these names. ``uses`` tell which bias belongs to which weight.

        Drawn in float64, so that one seed is one sketch in any precision.
        """

        def drawn(rows: int, like: Tensor, scale: float) -> Tensor:
            return (torch.randn(rows, dimension, generator=generator, dtype=torch.float64) * scale).to(like)

        matrices = {}
        for name in names:
            value = state[name].detach()
            if value.ndim > 1:
                inner = drawn(value[0].numel(), value, 1.0)  # √p times N(0, 1/p)
                matrices[name] = Projection(inner, drawn(len(value), value, dimension**-0.5))
        weight_of = {use.bias: use.weight for use in uses if use.multiplies and use.bias and use.weight}
        vectors = {}
        for name in names:
            value = state[name].detach()
            if name in weight_of:  # the 1 in x̃ has a row of A of its own, and B is that of the weight
                vectors[name] = matrices[weight_of[name]].outer * drawn(1, value, 1.0)
            elif value.ndim <= 1:
                vectors[name] = drawn(value.numel(), value, dimension**-0.5)
        return cls(matrices, vectors)

    def __call__(self, gradients: Gradients) -> Float[Tensor, "N p"]:
        written = gradients.written
        rows = [written[name].flatten(1) @ matrix for name, matrix in self.vectors.items() if name in written]
        for name, projection in self.matrices.items():
            if name in gradients.products:
                rows.append(projection.of_layer(gradients, name))
            elif name in written:
                rows.append(projection.of_matrices(written[name]))
        return torch.stack(rows).sum(0)
