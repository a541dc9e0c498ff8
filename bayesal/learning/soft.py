"""Learning from class probabilities instead of class numbers."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from bayesal.likelihoods import Likelihood, categorical

TOLERANCE = 1e-3  # of a sum of probabilities


@dataclass(frozen=True)
class SoftCrossEntropy:
    """-Σ_c q_c log softmax(outputs)_c for labels that are probabilities q of C classes, in nats.

    Early stopping watches KL(q ‖ softmax(outputs)), which is what can be learned of it: the rest is the entropy of q.
    For a certain q both are -log softmax(outputs)_y.
    """

    def __call__(self, outputs: Float[Tensor, "N C"], targets: Float[Tensor, "N C"], /) -> Float[Tensor, "N"]:
        return F.cross_entropy(outputs, targets, reduction="none")

    def error(self, outputs: Float[Tensor, "N C"], targets: Float[Tensor, "N C"], /) -> Float[Tensor, "N"]:
        return self(outputs, targets) - torch.special.entr(targets).sum(dim=-1)

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Float[Tensor, "N C"]:
        if num_outputs < 2:
            raise ValueError(f"classes need a network with at least two outputs, but this one has {num_outputs}")
        if labels.ndim != 2 or labels.shape[1] != num_outputs:
            raise ValueError(
                f"a soft label is {num_outputs} probabilities, one for each output of the network, but the labels have "
                f"shape {tuple(labels.shape)}; for class numbers use CrossEntropy"
            )
        labels = labels.double()
        sums = labels.sum(dim=1)
        wrong = ~((labels >= 0).all(dim=1) & ((sums - 1).abs() <= TOLERANCE))
        if wrong.any():
            raise ValueError(
                "a soft label must be probabilities of at least 0 that sum to 1, but there is the label "
                f"{[round(share, 4) for share in labels[wrong][0].tolist()]}"
            )
        return labels

    def fit(self, targets: Float[Tensor, "N C"], /) -> "SoftCrossEntropy":
        return self

    @property
    def likelihood(self) -> Likelihood:
        return categorical
