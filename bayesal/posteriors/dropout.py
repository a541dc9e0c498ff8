"""Monte Carlo dropout: a hypothesis is the trained network under one set of masks."""

from collections.abc import Collection

import torch
from torch import Generator, Tensor, nn

from bayesal.likelihoods import Likelihood, categorical
from bayesal.posteriors.dropout_masks.masked import DropoutHypotheses
from bayesal.posteriors.dropout_masks.refusals import check_structure
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.trained import ShowsNetwork, TrainedNetwork


class MCDropout(ShowsNetwork):
    """Dropout left on after training as a posterior (Gal and Ghahramani, 2016), with consistent masks (Kirsch 2019).

    ``draw`` gives K functions x ↦ likelihood(network(x; masks_k)): one set of masks is shared by all points. Any
    ``nn.Module`` will do, and it is never edited: dropout is met where it is called, whether as ``nn.Dropout`` of any
    kind or as ``torch.nn.functional.dropout``. What masks cannot reach (``nn.MultiheadAttention`` and recurrent layers
    with dropout, fused attention, TorchScript, compiled modules, other noise in training mode) is refused with the
    list of modules; name those, or what holds them, in ``deterministic`` to accept them as they are in evaluation mode,
    without noise.

    Raises ValueError for a network that is a single function, having no dropout with p > 0. Where only calls in the
    network's own code could tell, that is found when hypotheses first see a point.
    """

    def __init__(
        self, network: nn.Module, likelihood: Likelihood = categorical, *, deterministic: Collection[str] = ()
    ) -> None:
        check_structure(network, deterministic)
        self.network = network
        self.likelihood = likelihood
        self.deterministic = tuple(deterministic)
        self._trained = TrainedNetwork(network, likelihood)

    def draw(self, num_hypotheses: int, *, generator: Generator) -> "DropoutHypotheses":
        """K fixed functions: a copy of the network as it is now, and one 64-bit seed for all masks."""
        if num_hypotheses < 1:
            raise ValueError(f"at least one hypothesis must be drawn, but num_hypotheses is {num_hypotheses}")
        check_structure(self.network, self.deterministic)
        seed = int(torch.randint(2**63 - 1, (), generator=generator))
        return DropoutHypotheses(frozen_copy(self.network), self.likelihood, num_hypotheses, seed, self.deterministic)

    @property
    def state(self) -> dict[str, Tensor]:
        """The network's parameters and buffers by name, for saving; not copies."""
        return {name: value for name, value in self.network.state_dict().items() if isinstance(value, Tensor)}
