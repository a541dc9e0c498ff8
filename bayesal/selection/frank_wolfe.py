"""Frank-Wolfe: each pick is the row that points most where the sum of all rows is not reached yet."""

from dataclasses import dataclass

from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.sum_by_features import SumByFeatures
from bayesal.selection.sum_by_kernel import SumByKernel
from bayesal.types import Kernel


@dataclass(frozen=True)
class FrankWolfe:
    """gain(n | S) = ⟨φ_n / ‖φ_n‖, u - w⟩, u = Σ_n φ_n, w what the steps to the rows taken have reached, 0 at first.

    Taking φ steps w ← w + γ δ, δ = r φ / ‖φ‖ - w, r = Σ_n ‖φ_n‖, γ = ⟨δ, u - w⟩ / ⟨δ, δ⟩, which is not clipped; no row
    is picked twice (Pinsler et al., NeurIPS 2019, as in Holzmüller et al., JMLR 2023). Rows that are ``given`` count in
    u and r, and are stepped to first. Unit: that of the rows.

    Rows are features ``N D``, at O(N D) a pick, which may be :class:`~bayesal.numerics.kronecker.Kronecker` products.
    With a ``kernel`` every covariance of two rows is asked for once, O(N²): to check. Sums are float64, whatever the
    rows. Rows of length 0 point nowhere: their gain is -inf, so they come last, which is noted, and step nowhere.
    Raises ValueError for rows that are no features where there is no kernel, and for NaN and infinities.
    """

    kernel: Kernel | None = None

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> SumByFeatures | SumByKernel:
        """Nothing is reached."""
        return SumByFeatures.of(rows) if self.kernel is None else SumByKernel.of(rows, self.kernel)

    def gains(self, state: SumByFeatures | SumByKernel, /) -> Float[Tensor, "N"]:
        """How long what is missing is in the direction of each row."""
        return state.scores()

    def best(self, state: SumByFeatures | SumByKernel, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row that points there most."""
        return state.best(open)

    def take(
        self, state: SumByFeatures | SumByKernel, points: Shaped[Tensor, "P ..."], /
    ) -> SumByFeatures | SumByKernel:
        """A step to each of these, one after the other."""
        return state.stepped(points)

    def know(
        self, state: SumByFeatures | SumByKernel, points: Shaped[Tensor, "P ..."], /
    ) -> SumByFeatures | SumByKernel:
        """These rows count too, and are stepped to."""
        return state.with_more(points).stepped(points)

    def notes(self, state: SumByFeatures | SumByKernel, /) -> tuple[str, ...]:
        """Whether rows of length 0 were picked."""
        directed = int((state.lengths > 0).sum())
        if state.steps < directed:
            return ()
        return (f"only {directed} of {len(state.lengths)} rows are longer than 0, so the last picks point nowhere",)
