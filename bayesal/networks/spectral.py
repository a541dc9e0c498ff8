"""Soft spectral normalisation: no layer stretches a distance by more than a bound."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

from bayesal.networks.bounded import (
    Bounded,
    BoundedBatchNorm,
    BoundedBatchNorm1d,
    BoundedBatchNorm2d,
    BoundedConv1d,
    BoundedConv2d,
    BoundedConv3d,
    BoundedLinear,
)

Network = TypeVar("Network", bound=nn.Module)

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_BOUNDED: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: BoundedLinear,
    nn.Conv1d: BoundedConv1d,
    nn.Conv2d: BoundedConv2d,
    nn.Conv3d: BoundedConv3d,
    nn.BatchNorm1d: BoundedBatchNorm1d,
    nn.BatchNorm2d: BoundedBatchNorm2d,
}


def soft_spectral_norm(network: Network, bound: float = 3.0, *, points: Tensor | None = None) -> Network:
    """Bound the layers of a network in place, and return it: W becomes W / max(1, σ(W) / bound), σ the largest
    singular value (van Amersfoort et al., 2021; Liu et al., 2020). Softly: what is within the bound stays as it is.

    Linear layers and convolutions are bounded as the operators they are on their inputs (a convolution with its stride
    and padding on images of the size of ``points``, not its kernel as a matrix). σ is estimated by one power iteration
    at each training pass and none in evaluation mode, so it lags a little behind weights that move fast. Batch
    normalisation scales by abs(γ) / √(running variance + eps) at most ``bound``, and forgets with momentum 0.01. Other
    layers, and subclasses of these, are left alone.

    ``points``: one or more inputs ``n ...``, needed if there are convolutions, to see the sizes of their inputs.
    The layers keep their parameters' names, can be copied and pickled, and draw the start of their power iterations
    from the global generator. Raises ValueError for a bound that is not positive, a network with nothing to bound,
    convolutions without ``points``, and batch normalisation without running statistics.
    """
    if not bound > 0:
        raise ValueError(f"the bound of the layers must be positive, but it is {bound}")
    found = {name: module for name, module in network.named_modules() if type(module) in _BOUNDED}
    if not found:
        raise ValueError(f"the network ({type(network).__name__}) has no linear layer or convolution to bound")
    convolutions = [name for name, module in found.items() if isinstance(module, _CONVOLUTIONS)]
    if convolutions and points is None:
        raise ValueError(
            f"the norm of a convolution ({convolutions[0]}) depends on the size of its inputs: give points= to see it"
        )
    sizes = {} if points is None else _input_sizes(network, convolutions, points)
    for name, module in found.items():
        module.__class__ = _BOUNDED[type(module)]  # pyright: ignore
        if isinstance(module, Bounded):
            size = sizes[name] if name in sizes else torch.Size((1, module.weight.shape[1]))
            module.bound_by(bound, size)
        elif isinstance(module, BoundedBatchNorm):
            module.bound_by(bound)
    return network


@torch.no_grad()
def _input_sizes(network: nn.Module, names: list[str], points: Tensor) -> dict[str, torch.Size]:
    """What one input of each of these modules looks like."""
    sizes: dict[str, torch.Size] = {}
    looked = copy.deepcopy(network).eval()
    for name in names:

        def note(module: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> None:
            sizes[name] = torch.Size((1, *inputs[0].shape[1:]))

        looked.get_submodule(name).register_forward_pre_hook(note)
    looked(points)
    unseen = [name for name in names if name not in sizes]
    if unseen:
        raise ValueError(f"the points never meet the convolution {unseen[0]}, so the size of its inputs is not known")
    return sizes
