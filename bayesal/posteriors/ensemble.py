"""Deep ensembles: the hypotheses are networks that were trained independently."""

from collections.abc import Sequence
from functools import cached_property
from itertools import chain, combinations

import torch
from torch import Generator, Tensor, nn

from bayesal.likelihoods import Likelihood, categorical
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.posteriors.trained import TrainedNetwork, trainable_names


class DeepEnsemble:
    """M trained networks as M equally likely hypotheses (Lakshminarayanan, Pritzel, Blundell, 2017).

    The prediction is their mixture (1/M) Σ_m p_m. Of Gaussian members it has the mean (1/M) Σ μ_m and the variance
    (1/M) Σ (σ_m² + μ_m²) - mean², of which the variance of the μ_m is what labels could take away. What a label can
    tell about which member is right is at most ln M nats.

    ``draw(K)`` enumerates: for K >= M each member once and never twice, which would bias plug-in entropies; for K < M
    a random K of them. The members are copied when the ensemble is made, and evaluated in evaluation mode as one
    ``vmap`` over the parameters and buffers in which they differ.

    Raises ValueError for fewer than two members, for different architectures, and for members that are the same.
    """

    def __init__(self, members: Sequence[nn.Module], likelihood: Likelihood = categorical) -> None:
        if len(members) < 2:
            raise ValueError(f"an ensemble needs at least two members to disagree, but there are {len(members)}")
        for m, member in enumerate(members):
            if _architecture(member) != _architecture(members[0]):
                raise ValueError(
                    f"members 0 and {m} differ in their layers or in the shapes of their weights; "
                    "make and train all members of an ensemble with the same function"
                )
        tensors = [_tensors(member) for member in members]
        stacked = {name: torch.stack([own[name] for own in tensors]) for name in tensors[0]}
        self._varying = {name: values for name, values in stacked.items() if not (values == values[:1]).all()}
        for one, other in combinations(range(len(members)), 2):
            if all(torch.equal(values[one], values[other]) for values in self._varying.values()):
                raise ValueError(
                    f"members {one} and {other} have the same weights, so they cannot disagree; "
                    "start each member from another seed"
                )
        self._network = frozen_copy(members[0])
        self._trainable = trainable_names(members[0])
        self.num_members = len(members)
        self.likelihood = likelihood

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        """The M members if K >= M, else K of them without replacement."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        states = self._varying
        if num_hypotheses < self.num_members:
            chosen = torch.randperm(self.num_members, generator=generator)[:num_hypotheses]
            states = {name: values[chosen.to(values.device)] for name, values in states.items()}
        return NetworkHypotheses(self._network, states, self.likelihood)

    @property
    def state(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, for saving: with a leading M where members differ, once where they agree."""
        return {**_tensors(self._network), **self._varying}

    @cached_property
    def members(self) -> tuple[TrainedNetwork, ...]:
        """The networks, each by itself."""
        return TrainedNetwork.several(self._network, self.likelihood, self._varying, self._trainable)


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    named = chain(network.named_parameters(), network.named_buffers())
    return {name: tensor.detach() for name, tensor in named}


def _architecture(network: nn.Module) -> tuple[list[type[nn.Module]], dict[str, torch.Size]]:
    shapes = {name: tensor.shape for name, tensor in _tensors(network).items()}
    return [type(module) for module in network.modules()], shapes
