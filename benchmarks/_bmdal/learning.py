"""The networks of one step, each with labels of its own, trained as one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from bayesal.learning import Examples, Fit, SquaredLoss, Streams, Training
from bayesal.learning.epochs import Epochs
from bayesal.learning.modes import Modes
from bayesal.learning.streams import seeded
from bayesal.networks import NTKMLP
from benchmarks._bmdal.problems import Problem
from benchmarks._bmdal.setting import Setting


def adam(parameters: Sequence[Tensor], *, lr: float, weight_decay: float) -> Optimizer:
    """Adam, in one pass over memory."""
    return torch.optim.Adam(parameters, lr=lr, weight_decay=weight_decay, fused=True)


@dataclass(frozen=True, eq=False)
class OwnPoints(Epochs):
    """The library's training loop, in which each network meets its own points only; what no batch is left for is
    dropped.

    ``own``: by the seed of a network's order, where its points stand among the examples. There is one training loop,
    over one set of examples; networks that differ in their examples train as fast together as an ensemble does.
    """

    own: dict[int, Int[Tensor, "L"]] = field(default_factory=dict)

    def batches(self, orders: Sequence[Generator]) -> Iterator[Int[Tensor, "M B"]]:
        mine = [self.own[order.initial_seed()] for order in orders]
        drawn = torch.stack([m[torch.randperm(len(m), generator=order)] for m, order in zip(mine, orders, strict=True)])
        size = self.training.batch_size
        return iter(drawn[:, : drawn.shape[1] // size * size].split(size, dim=1))


def learned(
    problem: Problem, labelled: Sequence[Sequence[int]], streams: Sequence[Streams], setting: Setting
) -> tuple[list[NTKMLP], list[Fit]]:
    """One new network for each list of labelled positions, all lists of one length, at its best epoch on validation."""
    training = Training(
        optimiser=adam,
        learning_rate=setting.learning_rate,
        weight_decay=0.0,
        batch_size=setting.examples,
        max_epochs=setting.epochs,
        patience=None,
        schedule=lambda share: 1 - share,
        progress=False,
    )
    networks = []
    for stream in streams:
        with seeded(stream.initialisation):
            hidden = (setting.width, setting.width)
            networks.append(NTKMLP(problem.learn.inputs.shape[1], 1, hidden=hidden))
    own = {stream.order: torch.tensor(positions) for stream, positions in zip(streams, labelled, strict=True)}
    with torch.enable_grad(), Modes(networks) as modes:
        epochs = OwnPoints(SquaredLoss(), problem.learn, problem.validation, training, modes, own=own)
        fits = epochs.run(networks, streams, together=True)
    return networks, fits


@torch.no_grad()
def errors(network: nn.Module, test: Examples) -> dict[str, float]:
    """Root mean square, mean, 95 % quantile and largest absolute error."""
    absolute = (network(test.inputs).squeeze(1).double() - test.targets.double()).abs()
    return {
        "rmse": float(absolute.square().mean().sqrt()),
        "mae": float(absolute.mean()),
        "q95": float(absolute.quantile(0.95)),
        "maxe": float(absolute.max()),
    }
