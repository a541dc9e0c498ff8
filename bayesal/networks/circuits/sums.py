"""Sums of a circuit, of log-densities and in log space.

What is summed is divided by its largest term, so a sum with weights that are not 0 cannot underflow; one whose weights
of all but negligible terms are 0 stops at the smallest normal number above 0.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def sum_of_products(
    left: Float[Tensor, "M R P N I"], right: Float[Tensor, "M R P N I"], weights: Float[Tensor, "_ R P S II"]
) -> Float[Tensor, "_ R P N S"]:
    """log Σ_ij w_sij exp(u_i + v_j): the products of the two halves of each region, summed."""
    a, b = left.detach().amax(dim=-1, keepdim=True), right.detach().amax(dim=-1, keepdim=True)
    products = (left - a).exp().unsqueeze(-1) * (right - b).exp().unsqueeze(-2)
    return _log(products.flatten(-2) @ weights.mT) + a + b


def sum_of_leaves(
    leaves: Float[Tensor, "M R P N I"], weights: Float[Tensor, "_ R P S I"]
) -> Float[Tensor, "_ R P N S"]:
    """log Σ_i w_si exp(u_i), for a region that is not halved."""
    a = leaves.detach().amax(dim=-1, keepdim=True)
    return _log((leaves - a).exp() @ weights.mT) + a


def mixture_of_replicas(replicas: Float[Tensor, "M R N C"], weights: Float[Tensor, "M C R"]) -> Float[Tensor, "N M C"]:
    """log Σ_r w_cr exp(s_rc): each class mixes its replicas by weights of its own."""
    a = replicas.detach().amax(dim=1, keepdim=True)
    mixed = torch.einsum("mrnc,mcr->nmc", (replicas - a).exp(), weights)
    return _log(mixed) + a.squeeze(1).transpose(0, 1)


def _log(sums: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    return sums.clamp_min(torch.finfo(sums.dtype).tiny).log()
