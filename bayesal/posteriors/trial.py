"""A trial: a point or two through a network, to see whether it is a function at all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from bayesal.posteriors.points import Points


def trial(call: Callable[[Points], Any], points: Points) -> Tensor:
    """What the network says of these points.

    Raises ValueError if it fails on such points, draws random numbers (whose global state is put back), or returns
    anything but one tensor with a row a point.
    """
    try:
        with _no_randomness():
            output = call(points)
    except Exception as error:
        raise ValueError(f"the network fails on points of shape {points.shape()}: {error}") from error
    if not isinstance(output, Tensor) or output.shape[:1] != (points.count,) or not output.is_floating_point():
        seen = f"{output.dtype} of {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise ValueError(
            "the network must return one floating-point tensor with a row a point, "
            f"but for {points.count} points it gave {seen}"
        )
    return output


class Gauge(TorchFunctionMode):
    """Measures the largest value made while it is on."""

    num_bytes = 1

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.num_bytes = max(self.num_bytes, result.numel() * result.element_size())
        return result


@contextmanager
def _no_randomness() -> Iterator[None]:
    before = random_state()
    try:
        yield
    finally:
        drew = not same_state(before, random_state())
        set_random_state(before)
    if drew:
        raise ValueError(
            "it draws random numbers in evaluation mode, so it is not one function; keep the noise to training, "
            "or draw it once and register it as a buffer"
        )


def random_state() -> list[Tensor]:
    """The state of the global generators: of the CPU, then of every GPU in use."""
    return [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [])]


def set_random_state(state: list[Tensor]) -> None:
    """Put the global generators back."""
    torch.set_rng_state(state[0])
    if len(state) > 1:
        torch.cuda.set_rng_state_all(state[1:])


def same_state(one: list[Tensor], other: list[Tensor]) -> bool:
    """Whether nothing was drawn from the global generators in between."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=False))
