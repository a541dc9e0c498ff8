"""Training the networks of NOMU, and what points that were left out say of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from bayesal.learning.streams import seeded
from bayesal.networks.nomu import NOMUNetwork, side_network, start_uniformly
from bayesal.objectives.nomu import NOMULoss, squared_errors
from bayesal.posteriors.nomu_parts.artificial import Box
from bayesal.posteriors.nomu_parts.descent import Descent


@dataclass(frozen=True, eq=False)
class NOMUTraining:
    """What is trained: layers of these widths (``side``: of the network of r̂, by default the same), for this loss, with
    so many artificial points a step. These are drawn between the two points of ``box`` (raw inputs), by default around
    the training points; ``mixed``: see ``Box``. ``uniform``: all weights start from the uniform law on ±0.05, as in the
    authors' program, instead of torch's own."""

    hidden: tuple[int, ...] = (256, 256)
    side: tuple[int, ...] | None = None
    loss: NOMULoss = field(default_factory=NOMULoss)
    num_artificial: int = 128
    box: tuple[Tensor, Tensor] | None = None
    mixed: bool | None = None
    uniform: bool = False
    descent: Descent = field(default_factory=Descent)
    dtype: torch.dtype = torch.float32

    def __post_init__(self) -> None:
        if self.num_artificial < 1:
            raise ValueError(f"there must be artificial points: num_artificial is {self.num_artificial}")

    def network(
        self, points: Float[Tensor, "L D"], targets: Float[Tensor, "L"], box: Box, *, joint: bool, generator: Generator
    ) -> NOMUNetwork:
        """New networks trained on these points, in one descent if ``joint``; else the predictor first and then, with it
        frozen, the side network."""
        with seeded(_seed(generator)):
            network = NOMUNetwork.of_widths(points.shape[1], hidden=self.hidden, side=self.side, joint=joint)
            if self.uniform:
                start_uniformly(network)
        network.to(points.device, points.dtype).train()
        if joint:
            self._jointly(network, points, targets, box, generator)
        else:
            self._predictor(network, points, targets, generator)
            self.beside(network, points, box, generator=generator)
        return network.eval().requires_grad_(False)

    def side_of(
        self, trunk: nn.Module, head: nn.Linear, points: Float[Tensor, "L ..."], box: Box, *, generator: Generator
    ) -> NOMUNetwork:
        """A side network trained beside a predictor that is trained already, and frozen."""
        with seeded(_seed(generator)):
            body, width = side_network(points[0].numel(), self.hidden if self.side is None else self.side)
            raw = nn.Linear(head.in_features + width, 1)
            if self.uniform:
                start_uniformly(body)
                start_uniformly(raw)
        side = nn.Sequential(box.unit, body)
        network = NOMUNetwork(trunk, head, side.to(points.device, points.dtype), raw.to(points.device, points.dtype))
        self.beside(network, points, box, generator=generator)
        return network.eval().requires_grad_(False)

    def beside(self, network: NOMUNetwork, points: Float[Tensor, "L ..."], box: Box, *, generator: Generator) -> None:
        """Train the side network alone: not a bit of the predictor changes, whatever mode it is in."""
        with torch.no_grad():
            known = network.trunk(points)

        def objective(positions: Int[Tensor, "B"]) -> Tensor:
            far = box.draw(self.num_artificial, generator=generator)
            with torch.no_grad():
                seen = torch.cat([known[positions], network.trunk(far)])
            both = torch.cat([points[positions], far])
            raw = network.raw(torch.cat([seen, network.side(both)], dim=1)).squeeze(1)
            return self.loss.uncertainty(raw[: len(positions)], raw[len(positions) :])

        parameters = [*network.side.parameters(), *network.raw.parameters()]
        groups = [(parameters, self.descent.side_l2)]
        self.descent.run(groups, objective, len(points), generator=generator, what="training of the uncertainty")

    def _predictor(self, network: NOMUNetwork, points: Tensor, targets: Tensor, generator: Generator) -> None:
        groups = [([*network.trunk.parameters(), *network.head.parameters()], self.descent.l2)]
        self.descent.run(
            groups,
            lambda positions: squared_errors(network.predict(points[positions]), targets[positions]),
            len(points),
            generator=generator,
            what="training of the predictor",
        )

    def _jointly(self, network: NOMUNetwork, points: Tensor, targets: Tensor, box: Box, generator: Generator) -> None:
        def objective(positions: Int[Tensor, "B"]) -> Tensor:
            far = box.draw(self.num_artificial, generator=generator)
            prediction, raw, _ = network(torch.cat([points[positions], far]))
            count = len(positions)
            return self.loss(prediction[:count], targets[positions], raw[:count], raw[count:])

        groups = [
            ([*network.trunk.parameters(), *network.head.parameters()], self.descent.l2),
            ([*network.side.parameters(), *network.raw.parameters()], self.descent.side_l2),
        ]
        self.descent.run(groups, objective, len(points), generator=generator, what="training")


class LeftOut(NamedTuple):
    """Of points that a network was not trained on: y - f̂, and r̂."""

    residuals: Float[Tensor, "V"]
    raw: Float[Tensor, "V"]


def left_out(
    training: NOMUTraining,
    points: Float[Tensor, "L D"],
    targets: Float[Tensor, "L"],
    box: Box,
    folds: int,
    *,
    joint: bool,
    generator: Generator,
) -> LeftOut:
    """Every point once, by networks trained on the other folds."""
    parts: Sequence[Tensor] = torch.randperm(len(points), generator=generator).tensor_split(min(folds, len(points)))
    found = []
    for part in parts:
        rest = torch.ones(len(points), dtype=torch.bool).index_fill_(0, part, False).to(points.device)
        own = box.beside(points[rest])
        network = training.network(points[rest], targets[rest], own, joint=joint, generator=generator)
        found.append(beyond(network, points[~rest], targets[~rest]))
    return LeftOut(*(torch.cat(values) for values in zip(*found, strict=True)))


@torch.no_grad()
def beyond(network: NOMUNetwork, points: Float[Tensor, "V ..."], targets: Float[Tensor, "V"]) -> LeftOut:
    """What the network says of points that it was not trained on."""
    prediction, raw, _ = network(points)
    return LeftOut(targets - prediction, raw)


def _seed(generator: Generator) -> int:
    return int(torch.randint(2**63 - 1, (), generator=generator))
