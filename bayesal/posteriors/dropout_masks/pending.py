"""A channel mask that has not been applied yet, so that K masks share the work that does not depend on them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._pytree import tree_map_only

BASIS_COST = 200  # what one number of a basis costs to make and keep, in products saved; measured, on the safe side

# Functions of each channel alone, the same for every hypothesis: they commute with choosing channels.
CHANNELWISE = {
    F.relu,
    torch.relu,
    torch.relu_,
    Tensor.relu,
    Tensor.relu_,
    F.leaky_relu,
    F.elu,
    F.gelu,
    F.silu,
    torch.sigmoid,
    Tensor.sigmoid,
    torch.tanh,
    Tensor.tanh,
    F.max_pool2d,
    F.avg_pool2d,
    F.adaptive_avg_pool2d,
    F.adaptive_max_pool2d,
}
# What can be asked of a tensor without its values.
ABOUT = {Tensor.size, Tensor.dim, Tensor.numel, Tensor.is_floating_point} | {
    getattr(Tensor, name).__get__ for name in ("shape", "ndim", "dtype", "device", "is_cuda", "requires_grad")
}


class Pending(Tensor):
    """``on`` in the channels a hypothesis keeps, ``off`` in those it drops: ``n C H W``, of which nothing is computed.

    ``on`` (``n C H W``) and ``off`` (``1 C H W``) are the same for all hypotheses; only ``keep`` (``C``; ones and
    zeros) varies. A function of each channel alone is applied to ``on`` and ``off``, once for all. A convolution is
    linear in its input channels, so the response to each channel is computed once, as a basis which every hypothesis
    sums over the channels it keeps: all masks together are one matrix product. Whatever else is done to the tensor
    first settles it: the choice is made, and the tensor is that value from then on.
    """

    on: Tensor
    off: Tensor
    keep: Tensor
    num_hypotheses: int
    value: Tensor | None

    @staticmethod
    def __new__(cls, on: Tensor, off: Tensor, keep: Tensor, num_hypotheses: int) -> "Pending":
        self = Tensor._make_wrapper_subclass(cls, on.shape, strides=on.stride(), dtype=on.dtype, device=on.device)
        self.on, self.off, self.keep, self.num_hypotheses, self.value = on, off, keep, num_hypotheses, None
        return self

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in ABOUT:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        pending = args[0] if args and isinstance(args[0], Pending) and args[0].value is None else None
        if pending is not None and func in CHANNELWISE:
            on = func(pending.on, *args[1:], **kwargs)
            off = func(pending.off, *args[1:], **kwargs)
            in_place = on is pending.on
            return pending if in_place else Pending(on, off, pending.keep, pending.num_hypotheses)
        if pending is not None and func is F.conv2d:
            convolved = _convolve(pending, *args[1:], **kwargs)
            if convolved is not None:
                return convolved
        return func(*settled(args), **settled(kwargs))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} reached a pending mask without being seen")

    def settle(self) -> Tensor:
        """The tensor this stands for, from now on."""
        if self.value is None:
            self.value = torch.where(self.keep.view(-1, 1, 1) != 0, self.on, self.off)
        return self.value


def settled(values: Any) -> Any:
    """The same structure with every pending tensor settled."""
    return tree_map_only(Pending, Pending.settle, values)


def _convolve(
    pending: Pending,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor | None:
    """conv(off) + Σ_c keep_c conv_c(on_c - off_c), with the conv_c of all channels computed once; None if not worth it.

    A pair of channels costs K products a pixel, instead of K times the area of the kernel, and the basis.
    """
    area = weight.shape[2] * weight.shape[3]
    if groups != 1 or isinstance(padding, str) or pending.num_hypotheses * (area - 1) < BASIS_COST:
        return None
    dropped = F.conv2d(pending.off, weight, bias, stride, padding, dilation)
    _, outputs, height, width = dropped.shape
    points, channels = pending.on.shape[:2]
    patches = F.unfold(pending.on - pending.off, weight.shape[2:], dilation, padding, stride)
    patches = patches.view(points, channels, area, height * width).permute(1, 0, 3, 2)
    basis = patches.new_empty(channels + 1, points * height * width, outputs)
    torch.bmm(
        patches.reshape(channels, points * height * width, area),
        weight.permute(1, 2, 3, 0).reshape(channels, area, outputs),
        out=basis[:channels],
    )
    basis[channels].view(points, height * width, outputs).copy_(dropped.flatten(2).transpose(1, 2))
    coefficients = torch.cat([pending.keep, pending.keep.new_ones(1)])
    return (coefficients @ basis.flatten(1)).view(points, height, width, outputs).permute(0, 3, 1, 2)
