"""The last linear layer of a network, and the features it sees."""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bayesal.likelihoods import Likelihood
from bayesal.networks.trunk import split_head
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import NetworkHypotheses
from bayesal.posteriors.points import Points
from bayesal.posteriors.processes.rows import Rows
from bayesal.types import Inputs


@dataclass(frozen=True, eq=False)
class Head:
    """outputs(x) = W φ(x), with φ(x) = [trunk(x), 1], or trunk(x) alone for a layer without a bias: D numbers.

    Features are in double precision; ``dtype`` is that of the outputs.
    """

    features: Rows
    bias: bool
    dtype: torch.dtype

    @classmethod
    def split(cls, network: nn.Module, inputs: Tensor) -> tuple["Head", Float[Tensor, "C D"]]:
        """The head of a network, and its weights. Raises ValueError as ``split_head`` does."""
        some = Points.prepare(inputs[:2], network).some().inputs
        assert isinstance(some, Tensor)
        trunk, layer = split_head(network, some)
        nothing = layer.weight.new_zeros(1, layer.in_features)
        offset = layer(nothing) if layer.bias is not None else layer.weight.new_zeros(1, layer.out_features)
        weights = layer.weight
        if type(layer) is not nn.Linear:  # one that bounds its weight, say
            weights = (layer(torch.eye(layer.in_features).to(weights)) - offset).mT
        both = [weights, offset.mT] if layer.bias is not None else [weights]
        head = cls(Rows(trunk, layer.in_features), layer.bias is not None, weights.dtype)
        return head, torch.cat(both, 1).detach().double()

    @classmethod
    def on(cls, features: nn.Module, inputs: Tensor, *, bias: bool = True) -> "Head":
        """A head that is yet to be learned, on features that are fixed: their flattened numbers."""
        frozen = frozen_copy(features)
        some = Points.prepare(inputs[:2], frozen).some()
        with torch.no_grad():
            outputs = _columns(frozen(*some.arguments()[0]))
        known = [t.dtype for t in (*frozen.parameters(), *frozen.buffers()) if t.is_floating_point()]
        return cls(Rows(frozen, outputs.shape[1]), bias, known[0] if known else torch.float64)

    @property
    def num_columns(self) -> int:
        """D."""
        return self.features.num_columns + self.bias

    def rows(self, inputs: Inputs) -> tuple[Float[Tensor, "N D"], Points]:
        """φ of each point, and the points."""
        features, points = self.features(inputs)
        return (torch.cat([features, torch.ones_like(features[:, :1])], 1) if self.bias else features), points

    def hypotheses(self, weights: Float[Tensor, "K C D"], likelihood: Likelihood) -> NetworkHypotheses:
        """The network under each of K heads; what comes before is computed once."""
        network = self.network(weights[0])
        return NetworkHypotheses(network, self.named(weights), likelihood)

    def network(self, weights: Float[Tensor, "C D"]) -> nn.Module:
        """The network with this head."""
        like = {"device": weights.device, "dtype": self.dtype}
        layer = nn.utils.skip_init(nn.Linear, self.features.num_columns, len(weights), bias=self.bias, **like)
        layer.load_state_dict({name.removeprefix("head."): value for name, value in self.named(weights).items()})
        return nn.Sequential(OrderedDict(trunk=self.features.first, columns=_Columns(), head=layer)).eval()

    def named(self, weights: Float[Tensor, "... C D"]) -> dict[str, Tensor]:
        """The weights as the parameters of ``network``."""
        slopes = weights[..., : self.features.num_columns].to(self.dtype)
        return {"head.weight": slopes} | ({"head.bias": weights[..., -1].to(self.dtype)} if self.bias else {})


class _Columns(nn.Module):
    def forward(self, features: Tensor) -> Float[Tensor, "N D"]:
        return _columns(features)


def _columns(features: Tensor) -> Float[Tensor, "N D"]:
    return features[:, None] if features.ndim == 1 else features.flatten(1)
