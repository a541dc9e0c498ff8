"""The first two moments of weights along a training, and its last directions."""

import copy
from collections import deque
from collections.abc import Iterable, Mapping
from math import sqrt

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn


class WeightMoments:
    """Running moments of the trained weights θ of a network: mean θ̄, variance and deviation columns (Maddox 2019).

    ``add`` takes the weights as they are now: those parameters that needed gradients when this was made, P numbers in
    all, never buffers. Of θ_1 ... θ_T it keeps, in float64,

        θ̄ = (1/T) Σ_t θ_t,   Σ_diag = (1/T) Σ_t (θ_t - θ̄)²,   D_t = θ_t - θ̄_t  for the last ``rank`` t,

    where θ̄_t is the mean of θ_1 ... θ_t: (rank + 2) P numbers, however long the training (D in the network's own type).
    """

    def __init__(self, network: nn.Module, *, rank: int = 20) -> None:
        if rank < 0:
            raise ValueError(f"the rank is a number of deviation columns, at least 0, but it is {rank}")
        trained = {name: p for name, p in network.named_parameters() if p.requires_grad and p.is_floating_point()}
        if not trained:
            raise ValueError(f"the network ({type(network).__name__}) has no parameters that need gradients")
        self.shapes = {name: parameter.shape for name, parameter in trained.items()}
        self.rank = rank
        self.count = 0
        like = next(iter(trained.values()))
        self.dtype = like.dtype
        size = sum(shape.numel() for shape in self.shapes.values())
        self.mean = torch.zeros(size, dtype=torch.float64, device=like.device)
        self._squares = torch.zeros_like(self.mean)
        self._deviations: deque[Tensor] = deque(maxlen=rank)

    @classmethod
    def of(cls, network: nn.Module, states: Iterable[Mapping[str, Tensor]], *, rank: int = 20) -> "WeightMoments":
        """The moments of state dicts of the network, in the order they came about."""
        moments = cls(network, rank=rank)
        for state in states:
            moments.add(state)
        return moments

    @torch.no_grad()
    def add(self, weights: nn.Module | Mapping[str, Tensor]) -> None:
        """Take the network (or a state dict of it) into the moments. Raises ValueError for weights that do not fit."""
        own = dict(weights.named_parameters()) if isinstance(weights, nn.Module) else weights
        for name, shape in self.shapes.items():
            if name not in own or own[name].shape != shape:
                seen = f"has the shape {tuple(own[name].shape)}" if name in own else "is missing"
                raise ValueError(f"the weight {name!r} must have the shape {tuple(shape)}, but it {seen}")
        theta = torch.cat([own[name].detach().to(self.mean).flatten() for name in self.shapes])
        if not theta.isfinite().all():
            raise ValueError("weights that are NaN or infinite have no moments; lower the learning rate")
        self.count += 1
        before = theta - self.mean
        self.mean = self.mean + before / self.count
        after = theta - self.mean
        self._squares = self._squares + before * after  # Welford: no difference of large squares
        self._deviations.append(after.to(self.dtype))

    def copy(self) -> "WeightMoments":
        """These moments, whatever is added to the original later."""
        copied = copy.copy(self)
        copied._deviations = self._deviations.copy()  # the tensors themselves are never written on
        return copied

    @property
    def variance(self) -> Float[Tensor, "P"]:
        """Σ_diag."""
        return self._squares / max(self.count, 1)

    @property
    def deviations(self) -> Float[Tensor, "R P"]:
        """The last deviations, a row each."""
        return torch.stack(list(self._deviations)) if self._deviations else self.mean.new_zeros((0, len(self.mean)))

    def draw(self, num_draws: int, *, generator: Generator) -> dict[str, Tensor]:
        """θ ~ N(θ̄, ½ (Σ_diag + DᵀD / (R - 1))), or N(θ̄, Σ_diag) for R < 2 columns; by name, with a leading K."""
        deviations, columns = self.deviations, len(self._deviations)
        spread = (self.variance / (2 if columns > 1 else 1)).sqrt()
        drawn = torch.empty((num_draws, len(self.mean)), dtype=self.dtype, device=self.mean.device)
        for row in drawn:
            theta = self.mean + spread * _normal(len(self.mean), generator).to(self.mean)
            if columns > 1:
                theta += _normal(columns, generator).to(deviations) @ deviations / sqrt(2 * (columns - 1))
            row.copy_(theta)
        return self._named(drawn)

    def named_mean(self) -> dict[str, Tensor]:
        """θ̄ by name, in the network's own type."""
        return {name: values[0] for name, values in self._named(self.mean[None].to(self.dtype)).items()}

    def _named(self, weights: Float[Tensor, "K P"]) -> dict[str, Tensor]:
        pieces = weights.split([shape.numel() for shape in self.shapes.values()], dim=1)
        return {
            name: piece.reshape(-1, *shape) for (name, shape), piece in zip(self.shapes.items(), pieces, strict=True)
        }


def _normal(size: int, generator: Generator) -> Tensor:
    return torch.randn(size, generator=generator, dtype=torch.float64)
