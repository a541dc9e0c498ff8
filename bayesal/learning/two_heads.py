"""A network with a second head on the features that its own last layer sees."""

import copy

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from bayesal.learning.streams import seeded
from bayesal.networks.last_layer import last_layer, outputs_and_features


class TwoHeaded(nn.Module):
    """``network`` as it is, and ``second``: a new layer like the network's last one, on the same inputs.

    The last layer is the linear layer or convolution that is called last; its output must be the network's. ``seen``
    holds (outputs, outputs of the second head) of the latest call. Raises ValueError for a network that does not end
    in such a layer.
    """

    def __init__(self, network: nn.Module, points: Tensor, seed: int) -> None:
        super().__init__()
        self.network = network
        with seeded(seed):
            self._name = _name_of_last(network, points)
            self.second = copy.deepcopy(network.get_submodule(self._name))
            self.second.reset_parameters()  # pyright: ignore[reportCallIssue]  (both kinds of layers have it)
        self.second.requires_grad_(True)
        self.seen: tuple[Tensor, Tensor] | None = None

    def forward(self, points: Tensor) -> Tensor:
        outputs, features = outputs_and_features(self.network, self._name, points)
        self.seen = outputs, self.second(features)
        return outputs


def _name_of_last(network: nn.Module, points: Tensor) -> str:
    try:
        return last_layer(network, points, (nn.Linear, _ConvNd))
    except ValueError as error:
        raise ValueError(
            f"a second head needs a network that ends in a linear layer or a convolution, but {error}, or weight=0"
        ) from error
