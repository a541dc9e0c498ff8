"""How far networks are from each other as functions: their outputs compared at points of noise."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor, nn

from bayesal.numerics.modes import evaluating
from bayesal.objectives.diversity import squared_distances

CACHE_BYTES = 2**28  # of earlier networks' outputs; what is beyond is computed again when it is needed
CHUNK = 256  # points at a time, where nothing is trained


def noise_points(
    inputs: Shaped[Tensor, "N ..."], *, spread: float = 5.0, generator: Generator
) -> Float[Tensor, "N ..."]:
    """x̃ = mean + spread · sd · z for each number in a point, z standard normal; one for each of these points.

    Means and standard deviations are over the points; what never varies stays as it is, unless nothing varies (a single
    point): then the sd is taken to be 1. Far outside of the data on purpose: functions are to differ where the labels
    leave them free. The noise is neither clipped nor rounded: it need not be an image. Raises ValueError for points
    that are not floating-point numbers, such as the words of a text.
    """
    if not inputs.is_floating_point():
        raise ValueError(
            f"networks are compared at points of Gaussian noise, but the points are {inputs.dtype}; this needs "
            "points that are real numbers"
        )
    varies = inputs.amax(dim=0) > inputs.amin(dim=0)
    deviation = inputs.std(dim=0, correction=0) * varies if varies.any() else torch.ones_like(inputs[0])
    z = torch.randn(inputs.shape, generator=generator, dtype=inputs.dtype).to(inputs.device)
    return z.mul_(spread * deviation).add_(inputs.mean(dim=0))  # in place: as large as all labelled points


class FunctionNorm:
    """Networks f_1, ..., f_J and their distances at fixed points x̃: d_ij = mean_n ‖f_i(x̃_n) - f_j(x̃_n)‖².

    ``values``: from a network's outputs ``n C`` to the numbers that are compared, such as class probabilities.
    Networks are asked in evaluation mode (running statistics in batch normalisation, no dropout: functions are
    compared, not noise), and their modules' own modes are put back.
    """

    def __init__(
        self,
        points: Float[Tensor, "N ..."],
        values: Callable[[Tensor], Tensor],
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.points = points
        self.values = values
        self.networks: list[nn.Module] = []
        self._cache: list[Tensor] = []  # of the first networks, as many as there is room for
        self._room = cache_bytes

    def add(self, network: nn.Module) -> None:
        """Another network, which must not change any more."""
        self.networks.append(network)
        if len(self._cache) < len(self.networks) - 1:
            return
        said = torch.cat([self._said(network, points) for points in self.points.split(CHUNK)])
        self._room -= said.nbytes
        if self._room >= 0:
            self._cache.append(said)

    def distances(self, network: nn.Module, positions: Int[Tensor, "n"]) -> Float[Tensor, "J"]:
        """This network's distance from each of the others over some of the points; it can be differentiated."""
        points = self.points[positions]
        with evaluating(network):
            values = self.values(network(points))
        return squared_distances(values, self._others(positions))

    def pairwise(self) -> Float[Tensor, "J J"]:
        """The distances between all networks over all points, in double precision."""
        total = torch.zeros(len(self.networks), len(self.networks), dtype=torch.float64)
        for positions in torch.arange(len(self.points), device=self.points.device).split(CHUNK):
            values = self._others(positions).double()
            for i, one in enumerate(values):
                total[i] += squared_distances(one, values).cpu() * len(positions)
        return total / len(self.points)

    def _others(self, positions: Int[Tensor, "n"]) -> Float[Tensor, "J n C"]:
        known = [values[positions] for values in self._cache]
        points = self.points[positions]
        return torch.stack(known + [self._said(network, points) for network in self.networks[len(known) :]])

    @torch.no_grad()
    def _said(self, network: nn.Module, points: Float[Tensor, "n ..."]) -> Float[Tensor, "n C"]:
        with evaluating(network):
            return self.values(network(points))
