"""What makes the outputs of a network agree over time: an average of its weights, and a head that follows both."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

CAP = 0.999


class MovingAverage:
    """An exponential moving average of a network's parameters (Huang et al., ICCV 2021).

    It starts at the network's own weights. After step t = 1, 2, ... it is θ ← a_t θ + (1 - a_t) θ_network with
    a_t = min(1 - 1/(t + 1), cap): while the cap is not reached, the plain average of all weights so far, those at the
    start included. Parameters only: ``network`` runs in training mode, and its buffers (the statistics of batch
    normalisation) are those it meets itself. Raises ValueError for a cap outside [0, 1].
    """

    def __init__(self, network: nn.Module, cap: float = CAP) -> None:
        if not 0 <= cap <= 1:
            raise ValueError(f"the cap of a moving average must lie between 0 and 1, but it is {cap}")
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.cap = cap
        self.steps = 0

    @torch.no_grad()
    def step(self, network: nn.Module) -> None:
        """Take in the weights of the network as they are now."""
        self.steps += 1
        kept = min(1 - 1 / (self.steps + 1), self.cap)
        for mean, now in zip(self.network.parameters(), network.parameters(), strict=True):
            if mean.is_floating_point():
                mean.mul_(kept).add_(now.detach(), alpha=1 - kept)


def consistency(
    logits: Float[Tensor, "N ..."], followed: Float[Tensor, "N ..."], averaged: Float[Tensor, "N ..."]
) -> Float[Tensor, ""]:
    """MSE(z, c) + MSE(c, e), each the mean over points and outputs: of labelled and unlabelled points the loss has one.

    z: outputs of the main head, c: those of the second ("consistency") head, e: those of the main head under averaged
    weights, which gets no gradient. z does get one: the main head is drawn to the second.
    """
    return F.mse_loss(logits, followed) + F.mse_loss(followed, averaged.detach())
