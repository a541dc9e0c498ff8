"""Epoch after epoch until nothing gets better: the training loop itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NoReturn, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from bayesal.learning.examples import Examples, draws
from bayesal.learning.losses import Loss
from bayesal.learning.modes import Modes
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.together import Together
from bayesal.learning.training import Fit, Training
from bayesal.learning.weights import Weights

Forward: TypeAlias = Callable[[Tensor], Tensor]
Penalty: TypeAlias = Callable[[nn.Module, Examples], Tensor]
OnStep: TypeAlias = Callable[[nn.Module], None]
OnEpoch: TypeAlias = Callable[[nn.Module, int], None]

SHOW_PROGRESS_AFTER = 2.0  # seconds: shorter trainings stay silent
EVALUATION_BATCH = 256  # points at a time: more fall out of the processor's cache


@dataclass(frozen=True, eq=False)
class Epochs:
    """What is minimised, on what, and how."""

    loss: Loss
    examples: Examples
    validation: Examples | None
    training: Training
    modes: Modes
    penalty: Penalty | None = None
    on_epoch: OnEpoch | None = None
    on_step: OnStep | None = None

    def run(self, networks: Sequence[nn.Module], streams: Sequence[Streams], *, together: bool) -> list[Fit]:
        """Train one network, or several as one; each stops by itself and ends with the weights of its best epoch."""
        weights = Weights(networks)
        forward = Together(weights, [stream.noise for stream in streams]) if together else networks[0]
        optimiser = self.training.start(weights.table)
        orders = [Generator().manual_seed(stream.order) for stream in streams]
        fits = [Fit(together) for _ in networks]
        best = weights.table.detach().clone()
        buffers = [[buffer.clone() for buffer in network.buffers()] for network in networks]
        rows = list(range(len(networks)))  # row r of the table is network rows[r]
        try:
            with seeded(streams[0].noise), self._bar() as bar:
                for epoch in range(self.training.max_epochs):
                    losses = self._epoch(epoch, forward, weights, optimiser, [orders[m] for m in rows]).tolist()
                    if self.on_epoch is not None:
                        self.on_epoch(networks[0], epoch)
                    watched = losses if self.validation is None else self._errors(forward, len(rows)).tolist()
                    bar.update()
                    for r, m in enumerate(rows):
                        if fits[m].add(losses[r], watched[r]):
                            best[m] = weights.table.data[r]
                            buffers[m] = [buffer.clone() for buffer in networks[m].buffers()]
                    going = [r for r, m in enumerate(rows) if fits[m].goes_on(self.training.patience)]
                    if not going:
                        break
                    if isinstance(forward, Together) and len(going) < len(rows):
                        weights.keep(going, optimiser)
                        forward.keep(going)
                        rows = [rows[r] for r in going]
        finally:
            weights.release(networks, best)
            for network, kept in zip(networks, buffers, strict=True):
                for buffer, value in zip(network.buffers(), kept, strict=True):
                    buffer.copy_(value)
        return fits

    def batches(self, orders: Sequence[Generator]) -> Iterator[Int[Tensor, "M B"]]:
        """The positions of one epoch, a row a network, in batches as equal as can be."""
        size = self.training.epoch_size or len(self.examples)
        order = torch.stack([draws(len(self.examples), size, generator=generator) for generator in orders])
        return iter(order.to(self.examples.inputs.device).tensor_split(ceil(size / self.training.batch_size), dim=1))

    def chunks(self) -> Iterator[Examples]:
        """The validation points, some at a time."""
        if self.validation is not None:
            positions = torch.arange(len(self.validation), device=self.validation.inputs.device)
            yield from (self.validation[chunk] for chunk in positions.split(EVALUATION_BATCH))

    def _epoch(
        self, epoch: int, forward: Forward, weights: Weights, optimiser: Optimizer, orders: Sequence[Generator]
    ) -> Float[Tensor, "M"]:
        """One epoch of steps; the mean loss of its draws, as they were met."""
        leaves = forward.leaves if isinstance(forward, Together) else weights.leaves()
        totals, count = weights.table.new_zeros(len(orders)), 0
        batches = list(self.batches(orders))
        for step, positions in enumerate(batches):
            if self.training.schedule is not None:
                share = (epoch + step / len(batches)) / self.training.max_epochs
                optimiser.param_groups[0]["lr"] = self.training.learning_rate * self.training.schedule(share)
            batch = self.examples[positions.reshape(-1)]
            sums = self.loss(forward(batch.inputs), batch.targets).view(positions.shape).sum(dim=1)
            objective = sums.sum() / positions.shape[1]
            if self.penalty is not None:
                objective = objective + self.penalty(weights.networks[0], batch)
            weights.backward(objective, leaves)
            if self.training.clip_norm is not None:
                weights.clip(self.training.clip_norm)
            optimiser.step()
            if self.on_step is not None:
                self.on_step(weights.networks[0])
            totals += sums.detach()
            count += positions.shape[1]
        return totals.detach() / count

    @torch.no_grad()
    def _errors(self, forward: Forward, num_networks: int) -> Float[Tensor, "M"]:
        """The mean error of each network on the validation points, without noise."""
        sums, count = [], 0
        with self.modes.evaluation():
            for chunk in self.chunks():
                tiled = chunk.tiled(num_networks)
                sums.append(self.loss.error(forward(tiled.inputs), tiled.targets).view(num_networks, -1).sum(dim=1))
                count += len(chunk)
        return torch.stack(sums).sum(dim=0) / count

    def _bar(self) -> "tqdm[NoReturn]":
        return tqdm(
            total=self.training.max_epochs,
            desc="training",
            unit="epoch",
            leave=False,
            delay=SHOW_PROGRESS_AFTER,
            disable=None if self.training.progress else True,
        )
