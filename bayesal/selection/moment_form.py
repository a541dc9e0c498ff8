"""Second moments of what is left to learn after points one by one: ``S`` and ``Q = S C S`` in the space of features."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.linalg import solve_triangular

from bayesal.selection.factor_rows import against, applied, moment, quadratics, written
from bayesal.selection.known import Known
from bayesal.selection.shortlist import Shortlist

BLOCK = 64  # directions kept together, so that states share what they have in common and a pick copies little
STRIPE = 512  # rows of a matrix made symmetric together
FADED = 1e-6  # of what a number was at the start: then so many of its digits are lost that a new start is due


@dataclass(frozen=True, eq=False)
class Start:
    """What is ``known`` with the points ``taken``, and what that leaves of every point V of ``rows``.

    ``others``: points that count in the objective C = weight Σ VᵀV beside the rows. All is computed when it is first
    asked for.
    """

    rows: Float[Tensor, "N R D"]
    known: Known
    others: tuple[Tensor, ...] = field(default=())
    weight: float = 1.0
    taken: tuple[Tensor, ...] = field(default=())

    @cached_property
    def covariance(self) -> Float[Tensor, "D D"] | float:
        """S, so that k(x, y) = x S yᵀ; a number stands for that times the identity."""
        return self.known.covariance(self.taken)

    @cached_property
    def sensitivity(self) -> Float[Tensor, "D D"]:
        """Q = S C S."""
        covariance = self.covariance
        objective = moment(self.rows)
        for points in self.others:
            objective += moment(points)
        objective *= self.weight
        if not isinstance(covariance, Tensor):
            return objective.mul_(covariance**2)
        half = covariance @ objective
        return _symmetrised(torch.mm(half, covariance, out=objective))  # no more than three D x D matrices at a time

    @cached_property
    def variance(self) -> Float[Tensor, "N R R"]:
        """V S Vᵀ."""
        return quadratics(self.rows, self.covariance)

    @cached_property
    def reach(self) -> Float[Tensor, "N R R"]:
        """V Q Vᵀ: what the labels of a point share with all that counts."""
        return quadratics(self.rows, self.sensitivity)


@dataclass(frozen=True, eq=False)
class MomentForm:
    """S = S_0 - WᵀW and Q = Q_0 - WᵀP - PᵀW after some points, as rows of W and P for each; D² is only the start.

    Taking V, with V S Vᵀ + noise I = L Lᵀ: w = L⁻¹ V S, p = L⁻¹ V Q - ½ (w C wᵀ) w.
    """

    start: Start
    directions: tuple[Float[Tensor, "_ D"], ...] = field(default=())
    answers: tuple[Float[Tensor, "_ D"], ...] = field(default=())

    def __len__(self) -> int:
        return sum(map(len, self.directions))

    def at(self, point: Float[Tensor, "1 R D"]) -> tuple[Float[Tensor, "R D"], Float[Tensor, "R D"]]:
        """V S and V Q of one point."""
        covariance, sensitivity = applied(point, self.start.covariance), applied(point, self.start.sensitivity)
        for w, p in zip(self.directions, self.answers, strict=True):
            on_w, on_p = against(point, w)[0], against(point, p)[0]
            covariance -= on_w @ w
            sensitivity -= on_w @ p + on_p @ w
        return covariance, sensitivity

    def taken(self, point: Float[Tensor, "1 R D"]) -> tuple["MomentForm", Float[Tensor, "R D"], Float[Tensor, "R D"]]:
        """The form after one more point, and the rows of W and P that it adds."""
        covariance, sensitivity = self.at(point)
        own = _symmetric(against(point, covariance)[0])
        own.diagonal().clamp_(min=0).add_(self.start.known.noise)  # below 0 is rounding
        factor = torch.linalg.cholesky(own)
        w = solve_triangular(factor, covariance, upper=False)
        p = solve_triangular(factor, sensitivity, upper=False)
        reached = solve_triangular(factor, _symmetric(against(point, sensitivity)[0]), upper=False)
        reached = solve_triangular(factor, reached.mT, upper=False)
        p -= 0.5 * _symmetric(reached) @ w
        return replace(self, directions=_appended(self.directions, w), answers=_appended(self.answers, p)), w, p


def shortlist(start: Start, positions: Int[Tensor, "K"]) -> Shortlist:
    """Only what dropping these rows, all that were taken since the start, would cost."""
    points = start.rows[positions]
    factors = written(points).flatten(0, 1)
    shared = torch.cat([applied(points[i : i + 1], start.covariance) for i in range(len(points))]) @ factors.mT
    return Shortlist.of(points, shared, start.known.noise, factors, start.sensitivity)


def _symmetrised(matrix: Float[Tensor, "D D"]) -> Float[Tensor, "D D"]:
    """The mean of it and its transpose, in its place."""
    for start in range(0, len(matrix), STRIPE):
        rows, columns = matrix[start : start + STRIPE, start:], matrix[start:, start : start + STRIPE]
        mean = (rows + columns.mT) / 2
        rows.copy_(mean)
        columns.copy_(mean.mT)
    return matrix


def _symmetric(matrix: Float[Tensor, "D D"]) -> Float[Tensor, "D D"]:
    return (matrix + matrix.mT) / 2


def _appended(blocks: tuple[Tensor, ...], rows: Float[Tensor, "R D"]) -> tuple[Tensor, ...]:
    if blocks and len(blocks[-1]) < BLOCK:
        return (*blocks[:-1], torch.cat([blocks[-1], rows]))
    return (*blocks, rows)
