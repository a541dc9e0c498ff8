"""Monte Carlo DropConnect: a hypothesis is the trained network under one set of masks on its weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Distribution

from bayesal.likelihoods import Likelihood, categorical
from bayesal.networks.dropconnect import dropped_connections
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses, finite
from bayesal.posteriors.points import Points
from bayesal.posteriors.trained import ShowsNetwork, TrainedNetwork
from bayesal.types import Inputs

STATE_BYTES = 2**28  # of masked weights held at once: more hypotheses are made and evaluated block by block


class DropConnect(ShowsNetwork):
    """Weights dropped in training and in prediction, as a posterior (Wan et al., 2013; Gal and Ghahramani, 2016).

    Hypothesis k is x ↦ likelihood(network(x; W ∘ b_k / q)), b_k ~ Bernoulli(q = 1 - p) for every weight on its own:
    one set of masks for all points, by construction. Where to drop and how often is read off the network, where
    ``networks.DropConnected`` was put around it, or around a part of it, before it was trained. For one linear layer
    y = W x this gives E y = W x and Cov(y_o(x), y_o'(x')) = δ_oo' (p / q) Σ_i W_oi² x_i x'_i.

    The network is not touched, and its dropout layers are off. Raises ValueError for a network in which no connection
    is dropped with 0 < p < 1: it is a single function.
    """

    def __init__(self, network: nn.Module, likelihood: Likelihood = categorical) -> None:
        if not any(0 < p < 1 for _, p in dropped_connections(network)):
            raise ValueError(
                f"no connections of the network ({type(network).__name__}) are dropped at random, so it is a single "
                "function; train it as DropConnected(network, p)"
            )
        self.network = network
        self.likelihood = likelihood
        self._trained = TrainedNetwork(network, likelihood)

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "DropConnectHypotheses":
        """K fixed functions: a copy of the network as it is now, and one 64-bit seed for all masks."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        return DropConnectHypotheses(self.network, self.likelihood, num_hypotheses, seed)

    @property
    def state(self) -> dict[str, Tensor]:
        """The network's parameters and buffers by name, for saving; not copies."""
        return {name: value for name, value in self.network.state_dict().items() if isinstance(value, Tensor)}


class DropConnectHypotheses:
    """K networks that differ in which connections are dropped: what ``DropConnect.draw`` gives.

    Masks are a function of (seed, hypothesis, weight) alone. K masked copies of the weights are kept if they fit in
    256 MiB, and else made anew at every call, block by block of hypotheses.
    """

    def __init__(self, network: nn.Module, likelihood: Likelihood, num_hypotheses: int, seed: int) -> None:
        self.network = frozen_copy(network)
        self.likelihood = likelihood
        self.num_hypotheses = num_hypotheses
        self.seed = seed
        self.rates = {name: p for name, p in dropped_connections(self.network) if p > 0}
        self._whole: NetworkHypotheses | None = None

    def __call__(self, inputs: Inputs, /) -> Distribution:
        points = Points.prepare(inputs, self.network)
        outputs = torch.cat([block.outputs(points) for block in self._blocks()], dim=1)
        return self.likelihood(finite(outputs).to(points.device))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_whole": None}  # masks are drawn again from the seed

    def states(self, hypotheses: range) -> dict[str, Tensor]:
        """The masked weights of these hypotheses, by name, with a leading K."""
        own = dict(self.network.named_parameters())
        states = {}
        for position, (name, p) in enumerate(self.rates.items()):
            kept = np.empty((len(hypotheses), *own[name].shape), dtype=bool)
            for row, hypothesis in enumerate(hypotheses):
                bits = np.random.Philox(key=[self.seed, hypothesis], counter=[0, 0, 0, position])
                kept[row] = np.random.Generator(bits).random(own[name].shape, dtype=np.float32) >= p
            scale = 1 / (1 - p) if p < 1 else 0.0
            states[name] = own[name] * (torch.from_numpy(kept).to(own[name]) * scale)
        return states

    def _blocks(self) -> Iterator[NetworkHypotheses]:
        own = dict(self.network.named_parameters())
        each = sum(own[name].numel() * own[name].element_size() for name in self.rates)
        size = max(1, STATE_BYTES // each)
        if size >= self.num_hypotheses:
            if self._whole is None:
                self._whole = self._block(range(self.num_hypotheses))
            yield self._whole
        else:
            for first in range(0, self.num_hypotheses, size):
                yield self._block(range(first, min(first + size, self.num_hypotheses)))

    def _block(self, hypotheses: range) -> NetworkHypotheses:
        return NetworkHypotheses(self.network, self.states(hypotheses), self.likelihood)
