"""A chunk of points, as a network wants it: on its device, in its number type, finite."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn

from bayesal.types import Inputs


@dataclass(frozen=True)
class Points:
    """``count`` points as one tensor, or as the named tensors a network takes as keyword arguments."""

    inputs: Tensor | dict[str, Tensor]
    count: int
    device: torch.device
    """Where the points came from, and where what is said about them goes back to."""

    @classmethod
    def prepare(cls, inputs: Inputs, network: nn.Module) -> "Points":
        """Move points to the network's device and floating type; integers stay integers where they are looked up.

        Raises ValueError for anything but (a mapping of) tensors or arrays whose first axis is the point, and for
        numbers that are not finite, with how many rows hold them.
        """
        named = {str(key): _tensor(value) for key, value in inputs.items()} if isinstance(inputs, Mapping) else None
        parts = [_tensor(inputs)] if named is None else list(named.values())
        counts = {part.shape[0] for part in parts}
        if len(counts) != 1:
            raise ValueError(f"every input needs one row a point, but the inputs have {sorted(counts)} rows")
        broken = _num_broken(parts)
        if broken:
            raise ValueError(f"{broken} of {counts.pop()} points hold NaN or infinite inputs; clean or drop them first")
        like = next(chain(network.parameters(), network.buffers()), parts[0])
        dtype = next((t.dtype for t in chain(network.parameters(), network.buffers()) if t.is_floating_point()), None)
        looks_up = any(isinstance(module, nn.Embedding | nn.EmbeddingBag) for module in network.modules())

        def fit(part: Tensor) -> Tensor:
            stays = dtype is None or (looks_up and not part.is_floating_point())
            return part.to(like.device) if stays else part.to(like.device, dtype)

        moved = fit(parts[0]) if named is None else {key: fit(part) for key, part in named.items()}
        return cls(moved, counts.pop(), parts[0].device)

    def map(self, change: Callable[[Tensor], Tensor], count: int) -> "Points":
        """The points after the same change to every part, which leaves ``count`` of them."""
        if isinstance(self.inputs, Tensor):
            return Points(change(self.inputs), count, self.device)
        return Points({key: change(part) for key, part in self.inputs.items()}, count, self.device)

    def __getitem__(self, rows: slice) -> "Points":
        """These rows of the points."""
        return self.map(lambda part: part[rows], len(range(*rows.indices(self.count))))

    def some(self) -> "Points":
        """The first point or two, for a trial; of no points, one of zeros: no network ever sees an empty batch."""
        return self[:2] if self.count else self.map(lambda part: part.new_zeros((1, *part.shape[1:])), 1)

    def shape(self) -> str:
        """What one point looks like, for error messages and as the key of what was learned about such points."""
        parts = {"": self.inputs} if isinstance(self.inputs, Tensor) else self.inputs
        return ", ".join(f"{key} {tuple(part.shape[1:])} {part.dtype}".strip() for key, part in parts.items())

    @property
    def requires_grad(self) -> bool:
        """Whether somebody wants to know how the outputs change with the points."""
        parts = [self.inputs] if isinstance(self.inputs, Tensor) else self.inputs.values()
        return torch.is_grad_enabled() and any(part.requires_grad for part in parts)

    @property
    def where(self) -> torch.device:
        """The network's device, where the points are now."""
        return (self.inputs if isinstance(self.inputs, Tensor) else next(iter(self.inputs.values()))).device

    def arguments(self, *, channels_last: bool = False) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        """The positional and keyword arguments of a call: copies, since a network may write on what it is given.

        ``channels_last``: lay images out with the channels of a pixel side by side.
        """

        def copied(part: Tensor) -> Tensor:
            images = channels_last and part.ndim == 4 and part.is_floating_point()
            return part.clone(memory_format=torch.channels_last if images else torch.preserve_format)

        copies = self.map(copied, self.count).inputs
        return ((copies,), {}) if isinstance(copies, Tensor) else ((), copies)


def _tensor(value: object) -> Tensor:
    tensor = torch.from_numpy(value) if isinstance(value, np.ndarray) else value
    if not isinstance(tensor, Tensor) or tensor.ndim == 0:
        raise ValueError(
            f"the inputs must be tensors or arrays with the point along the first axis, but there is a {_kind(value)}"
        )
    return tensor


def _kind(value: object) -> str:
    return "single number" if isinstance(value, Tensor) else type(value).__name__


def _num_broken(parts: list[Tensor]) -> int:
    broken = torch.stack([_broken_rows(part) for part in parts]).any(dim=0).sum()
    try:
        return int(broken.item())
    except RuntimeError:  # inside vmap no number can be read, and whoever asks there looks at the points himself
        return 0


def _broken_rows(part: Tensor) -> Tensor:
    return ~part.isfinite().flatten(1).all(dim=1) if part.ndim > 1 else ~part.isfinite()
