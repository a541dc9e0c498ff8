"""How to train, and what became of a network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite

import torch
from torch import Tensor
from torch.optim import Optimizer


def adamw(parameters: Sequence[Tensor], *, lr: float, weight_decay: float) -> Optimizer:
    """AdamW (Loshchilov and Hutter, 2019), in one pass over memory."""
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay, fused=True)


@dataclass(frozen=True)
class Training:
    """The recipe of a training.

    ``optimiser`` is called as ``optimiser([table], lr=, weight_decay=)`` with all weights as one tensor, so it must
    treat every number alone: ``torch.optim.SGD``, ``Adam``, ``AdamW``, ``RMSprop``; not LAMB, Adafactor or L-BFGS.
    ``epoch_size``: draws in an epoch however few points are labelled, each point equally often; None draws each once.
    An epoch is cut into batches of at most ``batch_size``, as equal as can be.
    ``patience``: stop after so many epochs without a new best; None goes on to ``max_epochs``. Either way the weights
    of the best epoch are restored: that of the smallest mean ``loss.error`` on the validation points. **Without
    validation points it is that of the smallest mean loss on the training points themselves, as met during the epoch**:
    this ends a training that no longer moves, and does not notice over-fitting.
    ``clip_norm``: the longest gradient allowed, for each network on its own.
    ``schedule(t)``: what ``learning_rate`` is multiplied by at the share t in [0, 1) of ``max_epochs``; None keeps it.
    """

    optimiser: Callable[..., Optimizer] = adamw
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    batch_size: int = 64
    epoch_size: int | None = 1024
    max_epochs: int = 100
    patience: int | None = 3
    clip_norm: float | None = None
    schedule: Callable[[float], float] | None = None
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("batch_size", "epoch_size", "max_epochs", "patience"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise ValueError(f"{name} must be at least 1, but it is {count}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, but it is {self.learning_rate}")
        if not self.weight_decay >= 0:
            raise ValueError(f"weight_decay must not be negative, but it is {self.weight_decay}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive, but it is {self.clip_norm}")

    def start(self, table: Tensor) -> Optimizer:
        """The optimiser of these weights."""
        return self.optimiser([table], lr=self.learning_rate, weight_decay=self.weight_decay)


@dataclass
class Fit:
    """What became of one network: for every epoch the mean loss of its draws in nats, and what early stopping watched.

    ``best_epoch`` counts from 0; its weights were restored. ``diverged``: a loss was not finite.
    ``together``: trained as one with other networks.
    """

    together: bool
    losses: list[float] = field(default_factory=list)
    watched: list[float] = field(default_factory=list)
    best_epoch: int = -1
    diverged: bool = False

    def add(self, loss: float, watched: float) -> bool:
        """Take note of an epoch; whether it is the best so far."""
        best = self.watched[self.best_epoch] if self.watched else inf
        self.losses.append(loss)
        self.watched.append(watched)
        self.diverged = not (isfinite(loss) and isfinite(watched))
        if self.diverged or not watched < best:
            return False
        self.best_epoch = len(self.watched) - 1
        return True

    def goes_on(self, patience: int | None) -> bool:
        """Whether another epoch may still bring a new best."""
        since = len(self.watched) - 1 - self.best_epoch
        return not self.diverged and (patience is None or since < patience)
