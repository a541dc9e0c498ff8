"""Random functions that are independent from point to point, and still functions: hashes of the point."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.posteriors.nomu_parts.dependence import Places


@dataclass(frozen=True)
class Independent:
    """No point says anything of another. Still one function a draw: a point's value is a hash of the draw and of it."""

    def __repr__(self) -> str:
        return "points say nothing of each other"

    def correlation(self, places: Places, others: Places, /) -> Float[Tensor, "N M"]:
        return (places.keys[:, None] == others.keys).to(places.features.dtype)

    def draw(self, num_functions: int, /, *, generator: Generator) -> "Hashed":
        return Hashed(torch.randint(-(2**63), 2**63 - 1, (num_functions,), generator=generator))


@dataclass(frozen=True, eq=False)
class Hashed:
    """g_k(x): the standard normal number that the seed of draw k and the key of x are hashed to."""

    seeds: Int[Tensor, "K"]

    def __call__(self, places: Places, /) -> Float[Tensor, "N K"]:
        mixed = _mixed(places.keys[:, None] ^ self.seeds.to(places.keys.device))
        uniform = ((mixed >> 12) & (2**52 - 1)).double().add(0.5).div(2.0**52)
        return torch.special.ndtri(uniform)


def keys(points: Float[Tensor, "N ..."]) -> Int[Tensor, "N"]:
    """64 bits of each point's numbers, the same for equal points (0 and -0 are equal)."""
    bits = (points.detach().flatten(1).double() + 0.0).view(torch.int64)
    columns = torch.arange(1, bits.shape[1] + 1, device=bits.device)
    return _mixed(_mixed(bits ^ _mixed(columns)).sum(1))


def _mixed(bits: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """The finaliser of SplitMix64 (Steele et al., 2014), in 64-bit numbers that wrap around."""
    for shift, factor in ((30, -0x40A7B892E31B1A47), (27, -0x6B2FB644ECCEEE15)):
        bits = (bits ^ _shifted(bits, shift)) * factor
    return bits ^ _shifted(bits, 31)


def _shifted(bits: Int[Tensor, "..."], count: int) -> Int[Tensor, "..."]:
    return (bits >> count) & (2 ** (64 - count) - 1)
