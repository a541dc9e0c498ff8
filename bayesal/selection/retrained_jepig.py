"""JEPIG by retraining: what labels tell one belief, less what they tell a belief that was taught the targets too."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Generator, Tensor

from bayesal.selection.configurations import Configurations
from bayesal.selection.difference import Difference
from bayesal.selection.rows import check_log_probabilities


@dataclass(frozen=True)
class RetrainedJEPIG:
    """gain(n | S) = I_1(y_n; w | y_S) - I_2(y_n; w | y_S), in nats   (Kirsch et al., 2021, arXiv:2106.11719).

    I_1 is the information of a belief trained on the labels; I_2 that of another, trained on what the first predicts
    at the labelled and at the target points (``bayesal.learning.distil.distilled``), as if their labels were known.
    A greedy rule over log-probabilities ``N 2K C``: K hypotheses of the first belief, then K of the second. Gains add
    up to BatchBALD_1(S) - BatchBALD_2(S). This scales to any number of targets, but it is the difference of two
    trained models: it may be negative, and stays so.

    Configurations are enumerated, and the best row found, as in ``JEPIG``.

    Raises ValueError for rows that are not log-probabilities ``N 2K C``.
    """

    num_configurations: int = 10_000

    def __post_init__(self) -> None:
        if self.num_configurations < 1:
            raise ValueError(f"num_configurations must be at least 1, but it is {self.num_configurations}")

    def init(self, rows: Shaped[Tensor, "N ..."], /, *, generator: Generator) -> Difference:
        """Nothing taken yet."""
        first, second = _halves(rows)
        dtype = torch.float64 if rows.dtype == torch.float64 else torch.float32
        nothing = Configurations.none_taken(second.shape[1], dtype=dtype, device=rows.device)
        return Difference.of(first, second, nothing, lowest=-torch.inf, generator=generator)

    def gains(self, state: Difference, /) -> Float[Tensor, "N"]:
        """I_1 - I_2 of every row, on all configurations."""
        return state.gains()

    def best(self, state: Difference, open: Bool[Tensor, "N"], /) -> tuple[int, float]:
        """The open row with the largest gain, and that gain; once configurations are sampled, of the rows computed."""
        return state.best(open)

    def take(self, state: Difference, points: Shaped[Tensor, "P ..."], /) -> Difference:
        """The labels of these points will be known too, to both beliefs."""
        return state.taken(*_halves(points), self.num_configurations)


def _halves(rows: Tensor) -> tuple[Tensor, Tensor]:
    check_log_probabilities(rows, "RetrainedJEPIG")
    if rows.shape[1] % 2:
        raise ValueError(
            f"rows hold K hypotheses of one belief, then as many of another, but there are {rows.shape[1]} in all; "
            "draw the same number from both"
        )
    first, second = rows.detach().chunk(2, dim=1)
    return first, second
