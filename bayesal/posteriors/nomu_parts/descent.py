"""Descent on an objective that is no sum over points of one network's losses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from tqdm import tqdm

SHOW_PROGRESS_AFTER = 2.0  # seconds


@dataclass(frozen=True)
class Descent:
    """Adam with the L2 penalties λ‖θ‖²: ``l2`` is the λ of a predictor, ``side_l2`` that of the network beside it.

    ``batch_size``: points in a step, at most (None: all); an epoch is cut into steps as equal as can be. The weights
    end as they were in the epoch of the smallest training loss.
    """

    epochs: int = 1024
    learning_rate: float = 1e-3
    batch_size: int | None = None
    clip_norm: float | None = None
    l2: float = 1e-8
    side_l2: float = 1e-8
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"{name} must be at least 1, but it is {count}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, but it is {self.learning_rate}")

    def run(
        self,
        groups: Sequence[tuple[Sequence[nn.Parameter], float]],
        objective: Callable[[Int[Tensor, "B"]], Float[Tensor, ""]],
        num_points: int,
        *,
        generator: Generator,
        what: str,
    ) -> list[float]:
        """Minimise ``objective(positions)`` + Σ λ‖θ‖² over groups of (θ, λ); the mean loss of a step, epoch by epoch.

        With one step an epoch the loss is that of the weights before it, and those are kept; else those after it.
        Raises ValueError if a loss is not finite.
        """
        weights = [parameter for parameters, _ in groups for parameter in parameters]
        settings = [{"params": list(parameters), "weight_decay": 2 * l2} for parameters, l2 in groups]
        optimiser = torch.optim.Adam(settings, lr=self.learning_rate, fused=True)
        steps = -(-num_points // (self.batch_size or num_points))
        losses, best, kept = [], inf, [weight.detach().clone() for weight in weights]
        bar = tqdm(range(self.epochs), desc=what, delay=SHOW_PROGRESS_AFTER, disable=not self.progress, leave=False)
        for epoch in bar:
            met = []
            for positions in torch.randperm(num_points, generator=generator).tensor_split(steps):
                optimiser.zero_grad()
                loss = objective(positions)
                loss.backward()
                met.append(float(loss.detach()) + _penalty(groups))
                if steps == 1 and met[0] < best:
                    best, kept = met[0], [weight.detach().clone() for weight in weights]
                if self.clip_norm is not None:
                    nn.utils.clip_grad_norm_(weights, self.clip_norm)
                optimiser.step()
            losses.append(sum(met) / len(met))
            if not losses[-1] < inf:
                raise ValueError(
                    f"the {what} diverged: the loss of epoch {epoch} is not finite; lower the learning rate (now "
                    f"{self.learning_rate}), set clip_norm, or keep the stable loss"
                )
            if steps > 1 and losses[-1] < best:
                best, kept = losses[-1], [weight.detach().clone() for weight in weights]
        for weight, value in zip(weights, kept, strict=True):
            weight.data.copy_(value)
        return losses


@torch.no_grad()
def _penalty(groups: Sequence[tuple[Sequence[nn.Parameter], float]]) -> float:
    """Σ λ‖θ‖²."""
    return sum(l2 * float(sum(theta.square().sum() for theta in own)) for own, l2 in groups)
