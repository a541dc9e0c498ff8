"""What looking ahead needs of a belief: the tangent kernel, outputs and labels of its network at given points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from bayesal.data.pool import Pool
from bayesal.numerics.gradients import PointGradients
from bayesal.numerics.ntk import empirical_ntk
from bayesal.recipe import recipe
from bayesal.types import Differentiable, Ids, Inputs
from bayesal.views.gradients import Gradients
from bayesal.views.networks import check_classes, networks_of, trained_state
from bayesal.views.outputs import objectives


class Blocks(NamedTuple):
    """The arguments of ``acquisitions.LookAhead.of``, and λ."""

    labelled_kernel: Tensor
    cross_kernel: Tensor
    kernel: Tensor
    labelled_outputs: Float[Tensor, "L C"]
    labels: Float[Tensor, "L C"]
    outputs: Float[Tensor, "U C"]
    regularisation: float


@dataclass(frozen=True, repr=False)
class Linearised:
    """A classifier as its tangent kernel sees it: at what is labelled, and at some points of the pool.

    ``kernel``: ⟨∇g(x), ∇g(x')⟩ of the network's outputs f with g = Σ_c f_c / √C for "sum", g = f_c for a number c, or
    "exact", all outputs with each other. ``outputs``: what is compared with one-hot labels, the "probabilities" softmax
    f, or the "raw" f of a network trained with squared loss on one-hot labels, which the theory is for.
    ``regularisation``: ε of λ = ε trace(Θ_LL) / L, added to the kernel's diagonal (of the points looked at where none
    is labelled). ``sketch``: gradients are sketched to so many numbers (``Gradients``), which makes large networks
    cheap and their kernel approximate; None is exact. Of several networks kernels and outputs are averaged.

    Raises ValueError for a belief without a network that can be differentiated, for labels that are not classes, and
    for a sketch of all outputs with each other.
    """

    kernel: str | int = "sum"
    outputs: str = "probabilities"
    regularisation: float | int = 1e-5
    sketch: int | None = None

    __repr__ = recipe

    def __post_init__(self) -> None:
        if isinstance(self.kernel, str) and self.kernel not in ("sum", "exact"):
            raise ValueError(f"kernel must be 'sum', 'exact' or the number of an output, but it is {self.kernel!r}")
        if self.outputs not in ("probabilities", "raw"):
            raise ValueError(f"outputs must be 'probabilities' or 'raw', but it is {self.outputs!r}")
        if self.kernel == "exact" and self.sketch is not None:
            raise ValueError("a sketch is of one number a point: take kernel='sum' or the number of an output")

    def __call__(self, belief: Any, pool: Pool, ids: Ids, *, generator: Generator) -> Blocks:
        """At these points. Inner products of gradients are float64; memory is that of ``empirical_ntk``."""
        networks = networks_of(belief, "score by predictions (entropy, bald)")
        check_classes(belief, pool, "predictions to look ahead at")
        everything = np.concatenate([pool.labelled, np.asarray(ids)])
        known = len(pool.labelled)
        seen = _mean([self._outputs(network, pool, everything) for network in networks])
        if self.sketch is None:
            inputs = pool.gather(everything)
            kernel = _mean([self._kernel(network, inputs, seen) for network in networks])
        else:
            look = Gradients(self.sketch, self.kernel)(belief, pool, generator=generator)
            rows = pool.scan(look, everything, what="differentiating").double()
            kernel = rows @ rows.mT / len(networks)
        size = known * (len(kernel) // max(1, len(seen)))
        diagonal = kernel.diagonal()[:size] if size else kernel.diagonal()
        ridge = self.regularisation * float(diagonal.mean()) if len(diagonal) else 0.0
        labels = _one_hot(pool.targets() if known else torch.empty(0, dtype=torch.int64), seen.shape[1]).to(seen)
        blocks = kernel[:size, :size], kernel[:size, size:], kernel[size:, size:]
        return Blocks(*blocks, seen[:known], labels, seen[known:], ridge)

    def _outputs(self, network: Differentiable, pool: Pool, ids: Ids) -> Float[Tensor, "N C"]:
        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            raw = network.forward(network.state, inputs).double()
            return raw.softmax(1) if self.outputs == "probabilities" else raw

        return pool.scan(look, ids, what="predicting")

    def _kernel(self, network: Differentiable, inputs: Inputs, seen: Float[Tensor, "N C"]) -> Tensor:
        which = objectives("each" if self.kernel == "exact" else self.kernel, seen)
        return empirical_ntk(PointGradients(network.forward, trained_state(network)), inputs, which)


def _mean(parts: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(parts)).mean(0) if len(parts) > 1 else parts[0]


def _one_hot(labels: Tensor, num_classes: int) -> Float[Tensor, "L C"]:
    if labels.ndim != 1 or labels.is_floating_point() or bool(((labels < 0) | (labels >= num_classes)).any()):
        raise ValueError(
            f"looking ahead needs labels that are classes from 0 to {num_classes - 1}, but they are {labels.dtype} of "
            f"shape {tuple(labels.shape)}" + (f" up to {labels.max()}" if labels.numel() else "")
        )
    return one_hot(labels.long(), num_classes).double()
