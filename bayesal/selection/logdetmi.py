"""Log-determinants of the batch with and without queries: what they share, redundancy counted."""

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor
from torch.linalg import solve_triangular

from bayesal.numerics.kronecker import Kronecker
from bayesal.numerics.partial_cholesky import ROUNDING, PartialCholesky
from bayesal.selection.queries import check_weight, kernel_of, similarities
from bayesal.types import Kernel


@dataclass(frozen=True, eq=False)
class Shared:
    """The rows and the points taken, as they are (``plain``) and less what the queries say of them (``beside``).

    ``told``: η L⁻¹ s(Q, n) for the Cholesky factor L of the queries' similarities, whose inner products are what the
    queries say.
    """

    rows: Shaped[Tensor, "N ..."]
    taken: Shaped[Tensor, "P ..."]
    told: Float[Tensor, "N Q"]
    told_taken: Float[Tensor, "P Q"]
    plain: PartialCholesky
    beside: PartialCholesky
    factor: Float[Tensor, "Q Q"]


@dataclass(frozen=True, eq=False)
class LogDetMI:
    """f(A) = ln det S_A - ln det(S_A - η² S_AQ S_Q⁻¹ S_QA), S with ``jitter`` on its diagonal; at η = 1 twice the
    information, in nats, that Gaussians with these covariances share.

    Log-determinant mutual information with queries (Kothawade et al., NeurIPS 2021). A greedy rule whose rows,
    ``queries`` and ``kernel`` are those of :class:`~bayesal.selection.flqmi.FLQMI`. Two columns of Cholesky factors a
    pick, O(N (D + Q + B)), in float64. Monotone, not submodular in general.

    Raises ValueError as FLQMI does, for a jitter below 0, where S_Q is not positive definite, and where the second
    matrix is not: for η too large, or a row that the queries determine while ``jitter`` is 0.
    """

    queries: Shaped[Tensor, "Q ..."]
    eta: float | int = 1.0
    jitter: float | int = 1e-6
    kernel: Kernel | None = field(default=None)

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Shared:
        """Nothing taken yet."""
        check_weight(self.eta, "eta")
        check_weight(self.jitter, "jitter")
        kernel, rows = kernel_of(self.kernel), _precise(rows)
        queries = _precise(self.queries)
        beside = similarities(kernel, rows, queries)
        between = similarities(kernel, queries, queries).double()
        between.diagonal().add_(self.jitter)
        factor, failed = torch.linalg.cholesky_ex(between)
        if int(failed):
            raise ValueError(
                f"the similarities of the {len(queries)} queries are not positive definite with jitter {self.jitter}: "
                "two may be the same; raise jitter"
            )
        told = self._told(factor, beside)
        variance = kernel.variance(rows).double() + self.jitter
        plain = PartialCholesky.of(variance)
        less = PartialCholesky.of(variance - told.square().sum(1))
        return Shared(rows, rows[:0], told, told[:0], plain, less, factor)

    def gains(self, state: Shared, /) -> Float[Tensor, "N"]:
        """ln v_n|A - ln v_n|A,Q; 0 where the points taken determine the row."""
        plain, beside = state.plain.left, state.beside.left
        known = state.plain.determined
        bad = ~known & state.beside.determined
        if bool(bad.any()):
            raise ValueError(
                f"with the points taken, the queries determine row {int(bad.nonzero()[0])}, or more than that: what it "
                f"shares with them is infinite; raise jitter (now {self.jitter}) or lower eta (now {self.eta})"
            )
        return (plain.log() - beside.log()).masked_fill(known, 0)

    def take(self, state: Shared, points: Shaped[Tensor, "P ..."], /) -> Shared:
        """These points count as known, with and without the queries."""
        for point in _precise(points).split(1):
            state = self._taken(state, point)
        return state

    def _taken(self, state: Shared, point: Shaped[Tensor, "1 ..."]) -> Shared:
        kernel = kernel_of(self.kernel)
        told = self._told(state.factor, similarities(kernel, point, self.queries))[0]
        own = float(kernel.variance(point)[0]) + self.jitter
        between = kernel.covariance(state.taken, point).double()[:, 0] if len(state.taken) else told[:0]
        if state.plain.pivot(between, own)[1] <= ROUNDING * own:
            return state  # those before it determine it
        shared = kernel.covariance(state.rows, point).double()[:, 0]
        return replace(
            state,
            taken=torch.cat([state.taken, point]),
            told_taken=torch.cat([state.told_taken, told[None]]),
            plain=state.plain.added(shared, between, own),
            beside=state.beside.added(
                shared - state.told @ told, between - state.told_taken @ told, own - float(told @ told)
            ),
        )

    def _told(self, factor: Float[Tensor, "Q Q"], similar: Float[Tensor, "N Q"]) -> Float[Tensor, "N Q"]:
        return self.eta * solve_triangular(factor, similar.double().mT, upper=False).mT.contiguous()


def _precise(rows: Tensor) -> Tensor:
    """Features in float64, since determinants are differences."""
    if isinstance(rows, Kronecker):
        return Kronecker(rows.left.double(), rows.right.double())
    return rows.detach().double() if rows.is_floating_point() else rows.detach()
