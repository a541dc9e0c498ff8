"""Several networks as one: their batches laid end to end; only layers with weights need know whose rows are whose."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bayesal.learning.weights import Weights


def stackable(networks: Sequence[nn.Module]) -> bool:
    """Whether the networks are alike, all their weights are trained and of linear layers, and there are no buffers."""
    first = networks[0]
    linear = {id(p) for layer in first.modules() if type(layer) is nn.Linear for p in layer.parameters()}
    return (
        all(id(parameter) in linear and parameter.requires_grad for parameter in first.parameters())
        and not any(True for _ in first.buffers())
        and all(_blueprint(network) == _blueprint(first) for network in networks)
    )


def _blueprint(network: nn.Module) -> list[object]:
    return [repr(network), *((name, parameter.shape) for name, parameter in network.named_parameters())]


class Together:
    """M networks as one function of ``M·n`` rows, of which the first n are member 0's, the next n member 1's, ...

    It is the first network's code, with weights that have a leading M until they are released.
    """

    def __init__(self, weights: Weights, noise: Sequence[int]) -> None:
        self._weights = weights
        self._network = weights.networks[0]
        self._members = _Members([Generator().manual_seed(seed) for seed in noise])
        self.leaves = weights.lend(self._network)

    def __call__(self, rows: Tensor) -> Tensor:
        with self._members:
            return self._network(rows)

    def keep(self, members: Sequence[int]) -> None:
        """Go on with these members only, after the weights did."""
        self._members = _Members([self._members.noise[member] for member in members])
        self.leaves = self._weights.lend(self._network)


class _Members(TorchFunctionMode):
    """While on, linear layers whose weights have a leading M give each member's rows its own weights, and dropout
    draws each member's mask from its own generator. Whatever else a network does treats every row alike."""

    def __init__(self, noise: Sequence[Generator]) -> None:
        super().__init__()
        self.noise = noise

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func is F.linear:
            return self._linear(*args, **(kwargs or {}))
        if func is F.dropout:
            return self._dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _linear(self, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        rows = input.reshape(len(weight), -1, input.shape[-1])
        return _MemberLinear.apply(rows, weight, bias).reshape(*input.shape[:-1], -1)  # pyright: ignore

    def _dropout(self, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if not training or not 0 < p < 1:
            return F.dropout(input, p, training, inplace)
        masks = torch.empty(len(self.noise), len(input) // len(self.noise), *input.shape[1:], dtype=input.dtype)
        for mask, generator in zip(masks, self.noise, strict=True):
            mask.bernoulli_(1 - p, generator=generator)
        return input * masks.div_(1 - p).reshape(input.shape).to(input.device)


class _MemberLinear(Function):
    """x_m W_mᵀ + b_m for all members at once, with the same products backward as a single linear layer has.

    What autograd makes of a batched product transposes the gradient of the weights, and so rounds it differently.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.has_bias = bias is not None
        return x.bmm(weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        to_input = gradient.bmm(weight) if ctx.needs_input_grad[0] else None
        return to_input, gradient.mT.bmm(x), gradient.sum(dim=1) if ctx.has_bias else None
