"""Graph cut between the batch and queries: the points most like the queries, one by one."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.queries import check_weight, kernel_of, similarities
from bayesal.types import Kernel


@dataclass(frozen=True, eq=False)
class GCMI:
    """f(A) = 2λ Σ_{a in A} Σ_q s_aq: a sum over points, so the batch is the B best (Kothawade et al., NeurIPS 2021).

    A greedy rule whose rows, ``queries``, ``kernel`` and errors are those of
    :class:`~bayesal.selection.flqmi.FLQMI`; λ (``weight``) only sets the unit. Redundancy is not seen.
    """

    queries: Shaped[Tensor, "Q ..."]
    weight: float | int = 1.0
    kernel: Kernel | None = field(default=None)

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Float[Tensor, "N"]:
        """The gains, which never change."""
        check_weight(self.weight, "weight")
        similar = similarities(kernel_of(self.kernel), rows, self.queries)
        return 2 * self.weight * similar.sum(1, dtype=torch.float64)

    def gains(self, state: Float[Tensor, "N"], /) -> Float[Tensor, "N"]:
        """2λ Σ_q s_nq."""
        return state.clone()

    def take(self, state: Float[Tensor, "N"], points: Shaped[Tensor, "P ..."], /) -> Float[Tensor, "N"]:
        """Nothing changes."""
        return state
