"""A small network beside another one that predicts its loss from what it computes on its way."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from bayesal.networks.stages import Stage, outputs_of


class LossModule(nn.Module):
    """Global average pool, linear layer to ``width`` and ReLU for each stage, then one linear layer of all (Yoo and
    Kweon, CVPR 2019): the outputs of S stages to ``N`` predicted losses."""

    def __init__(self, stages: Sequence[Stage], width: int = 128) -> None:
        super().__init__()
        self.stages = tuple(stages)
        self.bodies = nn.ModuleList(nn.Sequential(nn.Linear(stage.width, width), nn.ReLU()) for stage in self.stages)
        self.last = nn.Linear(width * len(self.stages), 1)

    def forward(self, outputs: Sequence[Tensor]) -> Float[Tensor, "N"]:
        pooled = [stage.pooled(output) for stage, output in zip(self.stages, outputs, strict=True)]
        parts = [body(features) for body, features in zip(self.bodies, pooled, strict=True)]
        return self.last(torch.cat(parts, dim=1)).squeeze(1)


class LossPredictor(nn.Module):
    """A network and the loss module that watches it: inputs ``N ...`` to ``N`` predicted losses."""

    def __init__(self, network: nn.Module, loss_module: LossModule) -> None:
        super().__init__()
        self.network = network
        self.loss_module = loss_module

    def watched(self, inputs: Shaped[Tensor, "N ..."]) -> tuple[Tensor, list[Tensor]]:
        """What the network says, and what its stages gave."""
        names = [stage.name for stage in self.loss_module.stages]
        with outputs_of(self.network, names) as seen:
            said = self.network(inputs)
        return said, [seen[name] for name in names]

    def forward(self, inputs: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N"]:
        return self.loss_module(self.watched(inputs)[1])
