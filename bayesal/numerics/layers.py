"""What went into and came out of the layers of a network in one call, and the gradients that follow from them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.module import register_module_forward_hook

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d)
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
NORMS = (*BATCH_NORMS, nn.LayerNorm, nn.GroupNorm)


@dataclass(frozen=True, eq=False)
class Use:
    """One use of a layer: what it was given, what it gave, and which of its parameters need gradients, by their names.

    Of a normalisation, ``given`` are the normalised values that its weight multiplies.
    """

    layer: nn.Module
    weight: str | None
    bias: str | None
    given: Tensor
    output: Tensor

    @property
    def multiplies(self) -> bool:
        """Whether the weight is a matrix: its gradient at a point is a sum of outer products over positions."""
        return not isinstance(self.layer, NORMS)

    @property
    def groups(self) -> int:
        """G, the blocks of a weight that see inputs of their own."""
        return self.layer.groups if isinstance(self.layer, CONVOLUTIONS) else 1

    def size(self, columns: int) -> int:
        """Numbers in the factors of one point, and in ``columns`` projections of them."""
        given, output = self.given[0].numel(), self.output[0].numel()
        channels = self.output.shape[1 if isinstance(self.layer, CONVOLUTIONS) else -1]
        positions = output // channels
        if isinstance(self.layer, CONVOLUTIONS):
            given = self.given.shape[1] * torch.Size(self.layer.kernel_size).numel() * positions
        return given + output + columns * (max(positions, channels) if positions > 1 else 1)

    def factors(self, delta: Tensor, points: slice) -> tuple[Float[Tensor, "n G O T"], Float[Tensor, "n G I T"]]:
        """(δ, a) of these points: the gradient of the weight of group g is Σ_t δ_gt a_gtᵀ, from ``delta``, that of the
        output."""
        given, delta = self.given[points].detach(), delta[points]
        if isinstance(self.layer, CONVOLUTIONS):
            return _of_convolution(self.layer, given, delta)
        return _positions_last(delta), _positions_last(given)

    def of_weight(self, delta: Tensor) -> Float[Tensor, "N ..."]:
        """The gradient of a weight that is no matrix, at every point."""
        return self._summed(delta * self.given)

    def of_bias(self, delta: Tensor) -> Float[Tensor, "N ..."]:
        """The gradient of the bias, at every point."""
        return self._summed(delta)

    def _summed(self, values: Tensor) -> Float[Tensor, "N ..."]:
        """Summed over all positions that share the parameter."""
        if isinstance(self.layer, nn.Linear | nn.LayerNorm):
            own = 1 if isinstance(self.layer, nn.Linear) else len(self.layer.normalized_shape)
            shared = tuple(range(1, values.ndim - own))
        else:
            shared = tuple(range(2, values.ndim))
        return values.sum(shared) if shared else values


@contextmanager
def recording(state: Mapping[str, Tensor]) -> Iterator[list[Use]]:
    """Record, while this is on, every use of a layer one of whose parameters is an entry of ``state``, the very tensor,
    that needs a gradient: of linear layers, convolutions, and normalisations in evaluation mode.

    Whatever the network does next works on copies of the outputs, so that nothing in place reaches what was recorded.
    """
    names = {id(tensor): name for name, tensor in state.items() if tensor.requires_grad}
    uses: list[Use] = []

    def hook(layer: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
        weight, bias = (names.get(id(layer._parameters.get(part))) for part in ("weight", "bias"))
        if (weight is None and bias is None) or len(arguments) != 1 or not _known(layer) or not output.requires_grad:
            return None
        given = arguments[0]
        if isinstance(layer, NORMS):
            given = _normalised(layer, given.detach())
        uses.append(Use(layer, weight, bias, given, output))
        return output.clone()

    handle = register_module_forward_hook(hook)  # pyright: ignore[reportArgumentType]  (a hook may give an output)
    try:
        yield uses
    finally:
        handle.remove()


def _known(layer: nn.Module) -> bool:
    if isinstance(layer, CONVOLUTIONS):
        return type(layer) in CONVOLUTIONS and layer.padding_mode == "zeros"
    if isinstance(layer, _BatchNorm):
        return type(layer) in BATCH_NORMS and not layer.training and layer.running_mean is not None
    return type(layer) in (nn.Linear, *NORMS)  # a subclass may do anything with its weight


@torch.no_grad()
def _normalised(layer: nn.Module, given: Tensor) -> Tensor:
    if isinstance(layer, _BatchNorm):
        return F.batch_norm(given, layer.running_mean, layer.running_var, eps=layer.eps)
    if isinstance(layer, nn.LayerNorm):
        return F.layer_norm(given, layer.normalized_shape, eps=layer.eps)
    assert isinstance(layer, nn.GroupNorm)
    return F.group_norm(given, layer.num_groups, eps=layer.eps)


def _positions_last(values: Float[Tensor, "n ... D"]) -> Float[Tensor, "n 1 D T"]:
    return values.reshape(len(values), 1, -1, values.shape[-1]).mT


def _of_convolution(
    layer: nn.Conv1d | nn.Conv2d, given: Float[Tensor, "n ..."], delta: Float[Tensor, "n ..."]
) -> tuple[Float[Tensor, "n G O T"], Float[Tensor, "n G I T"]]:
    """A convolution is a product at every position with the window it sees there."""
    kernel, stride, dilation = tuple(layer.kernel_size), tuple(layer.stride), tuple(layer.dilation)
    padding = _padding(layer)
    padded = F.pad(given, padding) if any(padding) else given
    if isinstance(layer, nn.Conv1d):
        padded, kernel, stride, dilation = padded[:, :, None], (1, *kernel), (1, *stride), (1, *dilation)
    windows = F.unfold(padded, kernel, dilation=dilation, stride=stride)
    shape = (len(given), layer.groups, -1, windows.shape[-1])
    return delta.reshape(shape), windows.reshape(shape)


def _padding(layer: nn.Conv1d | nn.Conv2d) -> list[int]:
    """What is added before and after each axis, the last axis first, as ``F.pad`` takes it."""
    if layer.padding == "valid":
        return []
    sides: list[int] = []
    for axis in reversed(range(len(layer.kernel_size))):
        if isinstance(layer.padding, str):  # "same"
            total = layer.dilation[axis] * (layer.kernel_size[axis] - 1)
            sides += [total // 2, total - total // 2]
        else:
            sides += [layer.padding[axis]] * 2
    return sides
