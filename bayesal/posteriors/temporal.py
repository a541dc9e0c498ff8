"""A network now, and as it was at an earlier moment of its training."""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.distributions import Distribution

from bayesal.likelihoods import Likelihood, categorical
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses, finite
from bayesal.posteriors.points import Points
from bayesal.posteriors.trained import ShowsNetwork, TrainedNetwork
from bayesal.types import Inputs


class TemporalNetwork(ShowsNetwork):
    """One network as the belief, which remembers its own past (Huang et al., ICCV 2021).

    ``draw`` gives the network as it is: one function, whatever K. ``moments`` and ``moment_outputs`` show points at two
    moments, earlier and later: how far the outputs moved is what TOD asks for. ``earlier``: a state dict of the
    network; names that are missing keep the network's own values. ``first_cycle``: the earlier moment is before any
    training, of which a difference says nothing about what was learned.

    A belief of networks that were trained separately shows disagreement of two models, not drift: carry the weights
    over, as the learner ``Temporal`` does. Both states are copied when this is made. Raises ValueError for a state that
    does not fit the network.
    """

    def __init__(
        self,
        network: nn.Module,
        earlier: Mapping[str, Tensor],
        likelihood: Likelihood = categorical,
        *,
        first_cycle: bool = False,
    ) -> None:
        self.network = frozen_copy(network)
        self.likelihood = likelihood
        self.first_cycle = first_cycle
        self._trained = TrainedNetwork(self.network, likelihood, trainable=TrainedNetwork(network).trainable)
        own = {**dict(self.network.named_parameters()), **dict(self.network.named_buffers())}
        for name, value in earlier.items():
            if name not in self.network.state_dict() or value.shape != self.network.state_dict()[name].shape:
                seen = tuple(self.network.state_dict()[name].shape) if name in self.network.state_dict() else "no such"
                raise ValueError(
                    f"the earlier state has {name!r} of the shape {tuple(value.shape)}, but the network has {seen}; "
                    "classes cannot be added between two moments"
                )
        states = {
            name: torch.stack([earlier[name].detach().to(value), value.detach()])
            for name, value in own.items()
            if name in earlier and not name.endswith("num_batches_tracked")
        }
        moved = {name: values for name, values in states.items() if not torch.equal(values[0], values[1])}
        some = next(iter(own))  # of equal states there are two all the same
        self._moments = moved or {some: torch.stack([own[some].detach()] * 2)}

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        """The network as it is, as a single function."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        name, value = next(iter(self._moments.items()))
        return NetworkHypotheses(self.network, {name: value[1:]}, self.likelihood)

    def moments(self, inputs: Inputs, /) -> Distribution:
        """The label's distribution earlier and now: batch shape ``(N, 2)``."""
        return self._both()(inputs)

    def moment_outputs(self, inputs: Inputs, /) -> Float[Tensor, "N 2 ..."]:
        """What the network says itself, logits ``C`` or ``C H W``, earlier and now."""
        hypotheses = self._both()
        points = Points.prepare(inputs, hypotheses.network)
        return finite(hypotheses.outputs(points)).to(points.device)

    @property
    def state(self) -> dict[str, Tensor]:
        """The parameters and buffers by name, as they are now; not copies."""
        return self._trained.state

    def _both(self) -> NetworkHypotheses:
        return NetworkHypotheses(self.network, self._moments, self.likelihood)
