"""The entropy of mixtures of Normals, by Gauss-Legendre quadrature on intervals fitted to the components."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from bayesal.numerics.classes import chunks
from bayesal.numerics.door import check_finite
from bayesal.numerics.moments import variance_over_hypotheses

CORE = 7.0  # standard deviations around its mean in which a component is resolved: 3e-12 of its mass lies outside
WIDTH = 5.0  # an interval is at most this many standard deviations wide, of the narrowest component with core in it
NODES = 16  # a rule of this many nodes on such an interval: together better than 1e-8 against adaptive quadrature
ELEMENTS = 2**18  # numbers in one block of (interval, node, component): 2 MiB
NARROWEST = 1e-10  # of the mixture's standard deviation: below this, float64 cannot tell a component's nodes apart


def normal_mixture_entropy(mean: Float[Tensor, "N K ..."], scale: Float[Tensor, "N K ..."]) -> Float[Tensor, "N ..."]:
    """-∫ p ln p with p(y) = mean_k Normal(y; μ_k, σ_k²), to 1e-6 nats, computed in float64: ``N *rest``.

    Each interval is halved until no component that lives in it is narrower than a fifth of it; what no component
    lives in is left out. So time grows with the structure of the mixture, about K log(distance / width) intervals of
    16 K evaluations at most, and a narrow component far from the others is never missed. One hypothesis is the closed
    form ½ ln(2πe σ²).

    Raises ValueError for a scale that is not positive, for NaN, and for a component more than 1e10 times narrower than
    the mixture, which float64 cannot integrate.
    """
    if not bool((scale > 0).all()):
        raise ValueError(
            f"the scale of a Normal must be positive, but the smallest is {float(scale.min())}; "
            "check the model's noise, or give it a floor"
        )
    check_finite(mean)
    points, hypotheses, *rest = mean.shape
    entropies = mean.new_empty((points, *rest), dtype=torch.promote_types(mean.dtype, torch.float32))
    for chunk in chunks(points, hypotheses * torch.Size(rest).numel()):
        means = mean[chunk].detach().double().movedim(1, -1).reshape(-1, hypotheses)
        scales = scale[chunk].detach().double().movedim(1, -1).reshape(-1, hypotheses)
        entropies[chunk] = _entropies(means, scales).reshape(-1, *rest)
    return entropies


def _entropies(mean: Float[Tensor, "n K"], scale: Float[Tensor, "n K"]) -> Float[Tensor, "n"]:
    if mean.shape[1] == 1:
        return (scale.log() + 0.5 * math.log(2 * math.pi * math.e)).squeeze(1)
    # H[y] = H[(y - centre) / unit] + ln unit: the quadrature sees mixtures of mean 0 and variance 1 only.
    unit = (scale.square().mean(dim=1) + variance_over_hypotheses(mean)).sqrt()
    mean = (mean - mean.mean(dim=1, keepdim=True)) / unit[:, None]
    scale = scale / unit[:, None]
    if bool((scale < NARROWEST).any()):
        raise ValueError(
            f"a component is {float(1 / scale.min()):.0e} times narrower than its mixture, which quadrature in float64 "
            "cannot resolve; give the noise a floor, or use moment_matched_entropy"
        )
    return _integrate(mean, scale) + unit.log()


def _integrate(mean: Float[Tensor, "n K"], scale: Float[Tensor, "n K"]) -> Float[Tensor, "n"]:
    """The sum over intervals; ``point``, ``left`` and ``right`` are the stack of intervals still to look at."""
    entropy = torch.zeros_like(mean[:, 0])
    point = torch.arange(len(mean), device=mean.device)
    left, right = (mean - CORE * scale).amin(dim=1), (mean + CORE * scale).amax(dim=1)
    block = max(1, ELEMENTS // mean.shape[1])
    while len(point):
        # The last intervals first, so that the stack stays short.
        (point, i), (left, a), (right, b) = ((x[:-block], x[-block:]) for x in (point, left, right))
        centre, half = (a + b) / 2, (b - a) / 2
        lives = (mean[i] - centre[:, None]).abs() < CORE * scale[i] + half[:, None]
        narrowest = torch.where(lives, scale[i], math.inf).amin(dim=1)
        coarse = 2 * half > WIDTH * narrowest
        for ready, components in _alike(lives, ~coarse):
            at = i[ready]
            parts = (mean[at[:, None], components], scale[at[:, None], components], centre[ready], half[ready])
            entropy.index_add_(0, at, _gauss_legendre(*parts, mean.shape[1]))
        point = torch.cat([point, i[coarse], i[coarse]])
        left = torch.cat([left, a[coarse], centre[coarse]])
        right = torch.cat([right, centre[coarse], b[coarse]])
    return entropy


def _alike(lives: Bool[Tensor, "I K"], ready: Bool[Tensor, "I"]) -> Iterator[tuple[Tensor, Tensor]]:
    """The ready intervals in groups of about as many living components, with these components: J and ``J size``.

    Most components of a wide mixture are out of sight of most intervals, and this is what makes them cost nothing.
    """
    count = lives.sum(dim=1)
    size = 1
    while size < 2 * lives.shape[1]:
        group = (ready & (count > size // 2) & (count <= size)).nonzero().squeeze(1)
        kept = min(size, lives.shape[1])
        for part in group.split(max(1, ELEMENTS // (NODES * kept))):
            yield part, lives[part].byte().topk(kept, dim=1).indices
        size *= 2


def _gauss_legendre(
    mean: Float[Tensor, "J L"],
    scale: Float[Tensor, "J L"],
    centre: Float[Tensor, "J"],
    half: Float[Tensor, "J"],
    hypotheses: int,
) -> Float[Tensor, "J"]:
    """∫ -p ln p over [centre - half, centre + half], p the sum of these components over the number of hypotheses."""
    nodes, weights = (torch.from_numpy(x).to(mean) for x in np.polynomial.legendre.leggauss(NODES))
    y = centre[:, None] + half[:, None] * nodes
    kernels = (y[:, :, None] - mean[:, None, :]).div_(math.sqrt(2) * scale[:, None, :]).square_().neg_().exp_()
    share = 1 / (math.sqrt(2 * math.pi) * hypotheses * scale)
    density = torch.bmm(kernels, share[:, :, None]).squeeze(2)
    return half * (_entr(density) @ weights)


def _entr(density: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
    return -density * density.clamp_min(torch.finfo(density.dtype).tiny).log()
