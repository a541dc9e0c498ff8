"""BAIT for classifiers: the labels that tell most of what the Fisher information of the data asks for."""

import math
from dataclasses import dataclass, field, replace

from jaxtyping import Bool, Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.selection.factor_rows import factor_rows, norms
from bayesal.selection.fisher_information import FisherInformation
from bayesal.selection.known import KnownInformation
from bayesal.selection.shortlist import Shortlist

WEIGHTINGS = ("reference", "average", "sum")


@dataclass(frozen=True)
class FisherBait:
    """gain(n | S) = tr M_S⁻¹F - tr M_{S ∪ n}⁻¹F: how far the label of n lowers the expected error of the estimate.

    Ash, Goel, Krishnamurthy and Kakade, "Gone Fishing: Neural Active Learning with Fisher Embeddings", NeurIPS 2021.
    Rows are factors V of Fisher information I(x) = VᵀV: ``N R D`` in any float type, as ``fisher_factors`` makes them,
    or features ``N D``, which are of rank 1. F is the mean of I over all L known rows (``given`` to ``grow``) and all
    rows to choose from, λ the ``regularisation``, and

    - "sum": M_S = λI + Σ_L I + Σ_S I;
    - "average": M_S = λI + (Σ_L I + Σ_S I) / (L + B);
    - "reference": M_S = λI + (Σ_L I + B Σ_S I) / (L + B), as the authors' code has it: a row chosen counts B times as
      much as a known one.

    B is the size of the batch, which ``grow`` tells; without it B is 1. ``over_selection``: that many times the batch
    is picked, then the rows that are missed least are dropped. On features, "sum" with λ = σ² chooses as ``Bait(σ)``,
    whose gains are U λ times as large where U rows count.

    Of a row only V M⁻¹Vᵀ and V M⁻¹F M⁻¹Vᵀ are kept, R x R each, and of a pick R directions; products
    (``Kronecker``) are never written down. Everything is computed in float64. Cost: O(N D² / C + D³) for D = C·d once,
    and O(N D R) a pick; memory two or three D x D matrices.

    Raises ValueError for a regularisation that is negative, or so small that M has no inverse; for more numbers D
    than ``most_features``; for rows that are not finite factors; and for an unknown weighting.
    """

    regularisation: float | int = 1.0
    weighting: str = "reference"
    over_selection: float | int = 2
    most_features: int = 8_000
    batch_size: int = field(default=1, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.regularisation < math.inf:
            raise ValueError(f"regularisation must be at least 0, but it is {self.regularisation}")
        if self.weighting not in WEIGHTINGS:
            raise ValueError(f"weighting must be one of {', '.join(WEIGHTINGS)}, but it is {self.weighting!r}")
        if not 1 <= self.over_selection < math.inf:
            raise ValueError(
                f"over_selection must be at least 1, but it is {self.over_selection}; at 1 none is dropped"
            )

    def of_size(self, batch_size: int, /) -> "FisherBait":
        """The rule for a batch of B."""
        return replace(self, batch_size=batch_size)

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> FisherInformation:
        """Nothing taken yet."""
        factors = self._factors(rows)
        norms(factors)
        return FisherInformation.of(factors, self._known(factors[:0]))

    def know(self, state: FisherInformation, points: Shaped[Tensor, "P ..."], /) -> FisherInformation:
        """The labels of these rows are known, and they count in F."""
        factors = self._factors(points)
        norms(factors, "known row")
        return FisherInformation.of(state.first.rows, self._known(factors))

    def gains(self, state: FisherInformation, /) -> Float[Tensor, "N"]:
        """How far the label of every row would lower tr M⁻¹F."""
        return state.gains

    def best(self, state: FisherInformation, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; of those equal but for rounding the lowest."""
        return state.best(open)

    def take(self, state: FisherInformation, points: Shaped[Tensor, "P ..."], /) -> FisherInformation:
        """The labels of these points will be known too, whatever they turn out to be."""
        return state.on(self._factors(points))

    def narrowed(self, state: FisherInformation, positions: Int[Tensor, "P"], /) -> Shortlist:
        """Only what dropping these points, all that were taken, would cost."""
        return state.narrowed(positions)

    def costs(self, state: Shortlist, /) -> Float[Tensor, "K"]:
        """How much larger tr M⁻¹F would be without the label of each."""
        return state.costs()

    def drop(self, state: Shortlist, points: Shaped[Tensor, "P ..."], /) -> Shortlist:
        """Without the labels of these points."""
        return state.without(self._factors(points))

    def _known(self, points: Float[Tensor, "P R D"]) -> KnownInformation:
        together = len(points) + self.batch_size
        each = {"sum": 1.0, "average": 1 / together, "reference": self.batch_size / together}[self.weighting]
        return KnownInformation(
            float(self.regularisation), 1 / each, points, 1.0 if self.weighting == "sum" else float(together)
        )

    def _factors(self, rows: Tensor) -> Float[Tensor, "N R D"]:
        factors = factor_rows(rows, "FisherBait")
        if factors.shape[2] > self.most_features:
            raise ValueError(
                f"FisherBait works with matrices of D x D numbers, and D = {factors.shape[2]} is above the limit of "
                f"{self.most_features}: use binary_fisher_factors, or sketch the features first"
            )
        return factors
