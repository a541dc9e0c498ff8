"""Snapshots: states one network passed through, as equally likely hypotheses."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import combinations

import torch
from torch import Generator, Tensor, nn

from bayesal.likelihoods import Likelihood, categorical
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.posteriors.trained import TrainedNetwork, trainable_names


class Snapshots:
    """S states of one network as S equally likely hypotheses (Huang, Li, Pleiss, Liu, Hopcroft, Weinberger, 2017).

    ``states``: state dicts of the network, in any number of at least two, from anywhere: the ends of the cycles of a
    cyclical learning rate (the learner ``Cyclical``), checkpoints of a training of your own, samples of a Markov chain.
    Names that are missing keep the network's own values; what is the same in all states is computed once.

    The prediction is the mixture (1/S) Σ_s p_s. ``draw(K)`` enumerates as ``DeepEnsemble`` does: for K >= S each once
    and never twice, for K < S a random K of them. The states are copied when this is made.

    Raises ValueError for fewer than two states, for states that do not fit the network, and for two that are the same.
    """

    def __init__(
        self, network: nn.Module, states: Sequence[Mapping[str, Tensor]], likelihood: Likelihood = categorical
    ) -> None:
        if len(states) < 2:
            raise ValueError(f"at least two snapshots are needed to disagree, but there are {len(states)}")
        self._network = frozen_copy(network)
        own = {name: value for name, value in self._network.state_dict().items() if isinstance(value, Tensor)}
        for s, state in enumerate(states):
            if set(state) != set(states[0]):
                name = sorted(set(state) ^ set(states[0]))[0]
                raise ValueError(f"snapshots 0 and {s} differ in their names: only one of them has {name!r}")
            for name, value in state.items():
                if name not in own or value.shape != own[name].shape:
                    expected = f"the shape {tuple(own[name].shape)}" if name in own else "no such name"
                    raise ValueError(
                        f"snapshot {s} has {name!r} of the shape {tuple(value.shape)}, but the network has {expected}"
                    )
        stacked = {
            name: torch.stack([state[name].detach().to(own[name]) for state in states])
            for name in states[0]
            if not name.endswith("num_batches_tracked")  # counts, of which no prediction depends
        }
        self._varying = {name: values for name, values in stacked.items() if not (values == values[:1]).all()}
        same = _first_same(self._varying, len(states))
        if same is not None:
            raise ValueError(
                f"snapshots {same[0]} and {same[1]} are the same, so they cannot disagree: keep one of them"
            )
        with torch.no_grad():
            for name, values in stacked.items():
                own[name].copy_(values[0])
        self._trainable = trainable_names(network)
        self.num_snapshots = len(states)
        self.likelihood = likelihood

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        """The S snapshots if K >= S, else K of them without replacement."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        states = self._varying
        if num_hypotheses < self.num_snapshots:
            chosen = torch.randperm(self.num_snapshots, generator=generator)[:num_hypotheses]
            states = {name: values[chosen.to(values.device)] for name, values in states.items()}
        return NetworkHypotheses(self._network, states, self.likelihood)

    @property
    def state(self) -> dict[str, Tensor]:
        """Parameters and buffers by name, for saving: with a leading S where they differ, else once."""
        own = {name: value for name, value in self._network.state_dict().items() if isinstance(value, Tensor)}
        return own | self._varying

    @cached_property
    def members(self) -> tuple[TrainedNetwork, ...]:
        """The network in each of its states."""
        return TrainedNetwork.several(self._network, self.likelihood, self._varying, self._trainable)


def _first_same(varying: Mapping[str, Tensor], count: int) -> tuple[int, int] | None:
    for one, other in combinations(range(count), 2):
        if all(torch.equal(values[one], values[other]) for values in varying.values()):
            return one, other
    return None
