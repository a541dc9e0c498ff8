"""Fewer weighted things that stand for many."""

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor


def thin(
    weights: Float[Tensor, "M"], most: int, *, generator: Generator
) -> tuple[Int[Tensor, "M2"], Float[Tensor, "M2"]]:
    """At most ``most`` positions (ascending) of positive weight, and what they weigh now; every mean weight is kept.

    If there are no more than ``most`` positive weights, they are returned as they are. Else the c is found with
    Σ_m min(w_m / c, 1) = most: heavier weights stay, and the lighter ones become 0, c or 2c by one draw in each of
    equally heavy strata, along the list (Fearnhead and Clifford, 2003). Neighbours in the list should be alike.
    Independent draws, because one common offset (systematic resampling) resonates with lists that are periodic.
    """
    kept = weights.nonzero().squeeze(1)
    weights = weights[kept]
    if len(kept) <= most:
        return kept, weights
    heaviest, by_weight = weights.sort(descending=True)
    num_heavy = _num_heavy(heaviest, most)
    heavy, light = by_weight[:num_heavy], by_weight[num_heavy:].sort().values

    num_strata = most - num_heavy
    mass = weights[light].cumsum(0)
    stratum = mass[-1] / num_strata
    draws = torch.arange(num_strata) + torch.rand(num_strata, dtype=torch.float64, generator=generator)
    drawn = torch.searchsorted(mass, draws.to(mass.device) * stratum).clamp_max_(len(mass) - 1)
    drawn, times = drawn.unique(return_counts=True)

    chosen, order = torch.cat([heavy, light[drawn]]).sort()
    return kept[chosen], torch.cat([weights[heavy], times * stratum])[order]


def _num_heavy(heaviest: Float[Tensor, "M"], most: int) -> int:
    """How many weights, heaviest first, are above c: each is more than its share of the mass from itself on down."""
    mass = heaviest.flip(0).cumsum(0).flip(0)[:most]
    share = mass / torch.arange(most, 0, -1, device=mass.device)
    return int((heaviest[:most] <= share).nonzero()[0])
