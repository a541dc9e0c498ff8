"""JEPIG: the batch whose labels tell most about the labels of target points, all of them together."""

from dataclasses import dataclass
from math import log

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.configurations import Configurations
from bayesal.selection.difference import Difference
from bayesal.selection.rows import check_log_probabilities, log_probabilities

FEWEST = 2.0  # hypotheses that the labels of the targets should leave on average
UNCERTAIN = 0.25  # of ln K: what they should leave if there are few hypotheses to begin with


@dataclass(frozen=True, eq=False, repr=False)
class JEPIG:
    """gain(n | S) = I(y_n; Y_T | y_S) = I(y_n; w | y_S) - I(y_n; w | y_S, Y_T), in nats   (Kirsch et al., 2021).

    Joint expected predictive information gain (arXiv:2106.11719) about the joint label Y_T of T target points, which
    is the information that BatchBALD counts less what is left of it once the targets' labels are known. A greedy rule
    over log-probabilities ``N K C``; ``target_log_probs``: ``T K C'`` of the same K hypotheses in the same order. Of
    one target and one pick it is EPIG; it is at most BALD, and equal to it if the targets' labels identify the
    hypothesis. Gains add up to I(y_S; Y_T), but may grow while a batch does: greedy growth is a heuristic here.

    The configurations of the labels of targets and points taken are enumerated up to ``num_configurations`` and gains
    exact, and so is the search for the largest: I(y_n; w | y_S) bounds a gain from above. After that they are kept by
    unbiased resampling, and a pick is the best of the 128 rows (and of the 64 that led before) that 512 of them
    favour. True gains are never negative; sampled ones below 0 are given as 0.

    Raises ValueError for rows and targets that are not log-probabilities, without targets, and for another number of
    hypotheses at the rows than at the targets.
    """

    target_log_probs: Shaped[Tensor, "T ..."]
    num_configurations: int = 10_000

    def __repr__(self) -> str:
        return f"JEPIG({len(self.target_log_probs)} targets, num_configurations={self.num_configurations})"

    def __post_init__(self) -> None:
        if self.num_configurations < 1:
            raise ValueError(f"num_configurations must be at least 1, but it is {self.num_configurations}")
        try:
            check_log_probabilities(self.target_log_probs, "JEPIG")
        except ValueError as error:
            raise ValueError(f"the targets: {error}") from None
        if len(self.target_log_probs) == 0:
            raise ValueError("JEPIG asks what labels tell about those of target points, but there are no targets")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Difference:
        """No point taken yet; what the targets' labels could turn out to be."""
        check_log_probabilities(rows, "JEPIG")
        num_targets, num_hypotheses, _ = self.target_log_probs.shape
        if rows.shape[1] != num_hypotheses:
            raise ValueError(
                f"there are {rows.shape[1]} hypotheses at the rows but {num_hypotheses} at the targets; the same "
                "hypotheses must predict both, in the same order"
            )
        dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
        informed = Configurations.none_taken(num_hypotheses, dtype=dtype, device=rows.device)
        for target in log_probabilities(self.target_log_probs.detach()).to(rows.device, dtype).exp():
            informed = informed.extended(target, self.num_configurations, generator=generator)
        notes = _collapse(informed, num_targets)
        return Difference.of(rows.detach(), rows.detach(), informed, lowest=0.0, notes=notes, generator=generator)

    def gains(self, state: Difference, /) -> Float[Tensor, "N"]:
        """I(y_n; Y_T | y_S) of every row, on all configurations."""
        return state.gains()

    def best(self, state: Difference, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; once configurations are sampled, of the rows computed."""
        return state.best(open)

    def take(self, state: Difference, points: Shaped[Tensor, "P ..."], /) -> Difference:
        """The labels of these points will be known too, whatever they turn out to be."""
        check_log_probabilities(points, "JEPIG")
        return state.taken(points, points, self.num_configurations)

    def limit(self, state: Difference, /) -> float:
        """I(Y_T; w | y_S) = H(w | y_S) - H(w | y_S, Y_T): no labels can tell more about the targets' than w does."""
        return max(0.0, state.known.remaining() - state.informed.remaining())

    def notes(self, state: Difference, /) -> tuple[str, ...]:
        """Whether the targets are so many that JEPIG is BALD."""
        return state.notes


def _collapse(informed: Configurations, num_targets: int) -> tuple[str, ...]:
    """A sentence if E_y [ 1 / Σ_k p(w_k | y)² ], the hypotheses left on average, and H(w | y) are both small."""
    num_hypotheses = informed.posteriors.shape[1]
    left = float(informed.weights @ informed.posteriors.double().square().sum(1).reciprocal())
    if left > FEWEST or informed.remaining() > UNCERTAIN * log(num_hypotheses):
        return ()
    return (
        f"knowing the labels of the targets ({num_targets}) would leave {left:.2f} of {num_hypotheses} hypotheses on "
        "average, so JEPIG is little else than BALD here: use fewer targets or draw more hypotheses",
    )
