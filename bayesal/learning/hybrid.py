"""The loss of class densities: between telling classes apart and describing them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from bayesal.learning.losses import CrossEntropy


@dataclass(frozen=True, eq=False)
class HybridLoss(CrossEntropy):
    """Σ_m λ · -log p_m(y | x) + (1 - λ) · -log S_my(x) / D, for log-densities log S_mc(x), ``N M C``, of M models.

    p(c | x) ∝ π_c S_c(x), ``log_prior`` = log π. λ = 1 is discriminative, 0 generative. The models are summed, so
    each is trained as if it were alone. Early stopping watches the share of wrong classes, of all models.
    """

    log_prior: Float[Tensor, "C"]
    discriminative: float
    num_features: int

    def __post_init__(self) -> None:
        if not 0 <= self.discriminative <= 1:
            raise ValueError(
                f"the discriminative share of the loss must lie between 0 (a density) and 1 (classes), but it is "
                f"{self.discriminative}"
            )

    def __call__(self, outputs: Float[Tensor, "N M C"], targets: Int[Tensor, "N"], /) -> Float[Tensor, "N"]:
        rows = torch.arange(len(targets), device=targets.device)
        wrong = -(outputs + self.log_prior).log_softmax(dim=-1)[rows, :, targets]
        unlikely = -outputs[rows, :, targets] / self.num_features
        return (self.discriminative * wrong + (1 - self.discriminative) * unlikely).sum(dim=1)

    def error(self, outputs: Float[Tensor, "N M C"], targets: Int[Tensor, "N"], /) -> Float[Tensor, "N"]:
        guesses = (outputs + self.log_prior).argmax(dim=-1)
        return (guesses != targets.unsqueeze(1)).to(outputs.dtype).mean(dim=1)
