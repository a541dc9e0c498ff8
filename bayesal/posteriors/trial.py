"""A trial: one point through a network, to learn what it costs and whether it is a function at all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from bayesal.posteriors.points import Points


def trial(call: Callable[[Points], Tensor], points: Points) -> int:
    """Call a network with the first of these points; the bytes of the largest activation it makes on the way.

    Raises ValueError if the network fails on such a point, draws random numbers (whose global state is put back), or
    returns anything but one tensor with a row a point.
    """
    largest = _LargestOutput()
    try:
        with _no_randomness(), largest:
            output = call(points.first())
    except _Random:
        raise ValueError(
            "the network draws random numbers in evaluation mode, so it is not one function; "
            "keep the noise to training, or draw it once and register it as a buffer"
        ) from None
    except Exception as error:
        raise ValueError(f"the network fails on points of shape {points.shape()}: {error}") from error
    if not isinstance(output, Tensor) or output.shape[:1] != (1,):
        seen = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise ValueError(f"the network must return one tensor with a row a point, but for one point it gave {seen}")
    return max(largest.num_bytes, 1)


class _LargestOutput(TorchFunctionMode):
    num_bytes = 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.num_bytes = max(self.num_bytes, result.numel() * result.element_size())
        return result


class _Random(Exception):
    pass


@contextmanager
def _no_randomness() -> Iterator[None]:
    before = torch.get_rng_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    yield
    if not torch.equal(before, torch.get_rng_state()):
        torch.set_rng_state(before)
        raise _Random
    if devices and any(not torch.equal(a, b) for a, b in zip(devices, torch.cuda.get_rng_state_all(), strict=True)):
        torch.cuda.set_rng_state_all(devices)
        raise _Random
