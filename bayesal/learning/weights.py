"""The trained weights of one or more networks of one architecture, as one table."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

VECTOR = 16  # numbers: cut to such widths, vector instructions treat every row of the table alike, to the last bit


class Weights:
    """``table``: the trainable numbers of M networks, ``M P``, a row a network.

    The optimiser sees one tensor however many layers and networks there are; a network's copy, gradient norm and
    optimiser state are rows. Until ``release`` the networks' own parameters are the same memory. Convolution weights
    lie channels-last, which CPUs multiply faster (1.3 times for the BatchBALD authors' network).
    Raises ValueError if there are no weights to train, or weights of several number types.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self.networks = list(networks)
        first = _trainable(networks[0])
        kinds = {f"{parameter.dtype} on {parameter.device}" for parameter in first}
        if len(kinds) != 1:
            raise ValueError(
                "the weights to train must be of one number type on one device, but "
                f"{type(networks[0]).__name__} has {' and '.join(sorted(kinds)) or 'none'}"
            )
        self._shapes = [parameter.shape for parameter in first]
        self._widths = [-(-shape.numel() // VECTOR) * VECTOR for shape in self._shapes]
        self.table = nn.Parameter(first[0].detach().new_zeros(len(networks), sum(self._widths)))
        self._look()
        for row, network in enumerate(networks):
            for piece, parameter in zip(self._values, _trainable(network), strict=True):
                parameter.data = piece[row].copy_(parameter.detach())

    def _look(self) -> None:
        self.table.grad = torch.zeros_like(self.table)
        self._values, self._gradients = self._pieces(self.table.data), self._pieces(self.table.grad)

    def _pieces(self, table: Tensor) -> list[Tensor]:
        columns = table.split(self._widths, dim=1)
        return [_shaped(column, shape) for column, shape in zip(columns, self._shapes, strict=True)]

    def leaves(self, row: int = 0) -> list[nn.Parameter]:
        """The parameters of the network in this row."""
        return _trainable(self.networks[row])

    def lend(self, network: nn.Module) -> list[nn.Parameter]:
        """Give this network the weights of all M, with a leading M; its parameters."""
        parameters = _trainable(network)
        for parameter, values in zip(parameters, self._values, strict=True):
            parameter.data = values
        return parameters

    def backward(self, objective: Tensor, leaves: Sequence[Tensor]) -> None:
        """The gradient of the table, by way of the parameters that the objective was computed from."""
        gradients = torch.autograd.grad(objective, leaves, allow_unused=True, materialize_grads=True)
        for piece, gradient in zip(self._gradients, gradients, strict=True):
            piece.copy_(gradient)

    def clip(self, norm: float) -> None:
        """Scale each network's gradient down to this Euclidean norm if it is longer."""
        gradient = self.table.grad
        assert gradient is not None
        gradient.mul_((norm / gradient.norm(dim=1, keepdim=True).clamp(min=1e-12)).clamp(max=1))

    def keep(self, rows: list[int], optimiser: Optimizer) -> None:
        """Go on with these rows only: the weights, and what the optimiser remembers of them."""
        before = self.table.shape
        self.networks = [self.networks[row] for row in rows]
        self.table.grad = None
        self.table.data = self.table.data[rows]
        memory = optimiser.state[self.table]
        for key, value in memory.items():
            if isinstance(value, Tensor) and value.shape == before:
                memory[key] = value[rows]
        self._look()

    def release(self, networks: Sequence[nn.Module], table: Tensor) -> None:
        """Give these networks parameters of their own, with the values of the table's rows."""
        pieces = self._pieces(table)
        for row, network in enumerate(networks):
            for piece, parameter in zip(pieces, _trainable(network), strict=True):
                parameter.data = piece[row].clone(memory_format=torch.contiguous_format)


def _trainable(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _shaped(columns: Tensor, shape: torch.Size) -> Tensor:
    """``M width`` to ``M *shape``, without what fills the width; four axes are laid out channels-last."""
    numbers = columns[:, : shape.numel()]
    if len(shape) != 4:
        return numbers.unflatten(1, shape) if shape else numbers.squeeze(1)
    outputs, inputs, height, width = shape
    return numbers.unflatten(1, (outputs, height, width, inputs)).permute(0, 1, 4, 2, 3)
