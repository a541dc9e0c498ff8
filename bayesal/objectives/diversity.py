"""The diversity term of greedy ensembles: a new network stays away from what the earlier ones say.

The posterior over functions p is approximated by a kernel density estimate q_S = (1/M) Σ_{j ∈ S} k(f, f_j), to which
networks are added one after the other (Tiulpin and Blaschko, TMLR 2022, arXiv:2105.14275). What a network f adds to
-D_φ(p, q_S) is larger the larger the posterior p(f) is, which fitting the labels sees to, and the smaller q_S(f).
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from bayesal.numerics.divergence import Divergence, check_divergence


def squared_distances(values: Float[Tensor, "N C"], others: Float[Tensor, "J N C"]) -> Float[Tensor, "J"]:
    """d_j = mean_n ‖values_n - others_jn‖²: of class probabilities it lies in [0, 2]."""
    return (values - others).square().sum(dim=-1).mean(dim=-1)


def log_overlap(
    distances: Float[Tensor, "J"], *, strength: float, planned: int, most: float = math.inf
) -> Float[Tensor, ""]:
    """Ω = ln Σ_j exp(-(λ/M) d_j), the logarithm of how much of the estimate the J earlier networks already put here.

    ``strength`` λ; ``planned`` M, the number of networks there will be in the end, the same for every network. Ω lies
    in [ln J - λ max d / M, ln J]; its gradient is a repulsion from each earlier network, the nearest first. ``most``:
    where λ d_j / M is cut off, for distances without a bound; beyond it there is no repulsion left.
    Raises ValueError without earlier networks, for which Ω is absent, not 0.
    """
    if len(distances) == 0:
        raise ValueError("the first network has no earlier ones to stay away from: train it without this term")
    return torch.logsumexp(-(distances * (strength / planned)).clamp(max=most), dim=0)


def repulsion(log_overlap: Float[Tensor, ""], divergence: Divergence) -> Float[Tensor, ""]:
    """What is added to the cross-entropy (in nats) so that their sum orders networks as the gain of -D_φ does.

    With s = e^Ω: ``reverse_kl`` Ω, the loss of the paper; ``kl`` -ln ln(1 + 1/s); ``chi2`` ln(2s + 1); ``hellinger``
    2 asinh √s; ``tv`` s.

    The derivation of all but the first is ours. Let a new kernel be narrow, so that p and q_S are constant where it is:
    a box of volume v and of the height of the kernels, h = 1/M at their centre, against q_S = s/M = s h. It adds

      v [p φ(q/p) - p φ((q + h)/p)],    p φ(q/p) = -p ln q + ..., q ln q - q ln p, q²/p - 2q + p, p + q - 2√(pq), ...

    which is v p ln(1 + 1/s) for KL(p ‖ q); v h [2 - h (2s + 1)/p] for χ²; v [2 √(p h) (√(s + 1) - √s) - h] for
    Hellinger. Each grows with p times a function of s (Hellinger: √p), so minus its logarithm orders places as
    -ln p + R(s) does, with the R above: no constant of p matters. For KL(q ‖ p) it is
    v h [ln p - ln h - (s + 1) ln(s + 1) + s ln s]; where s >> 1, of a low kernel on a covered place, that is
    v h [ln p - ln(s h) - 1], the paper's. There R is Ω up to a constant for ``kl``, ``chi2`` and ``hellinger`` too: a
    low kernel adds -v h φ'(q/p), and φ' never falls. They differ in how the repulsion fades where nothing is covered:
    dR/dΩ is always 1 for ``reverse_kl``, and falls from 1 (s >> 1) to 0 (s << 1) for the others: as 2s for ``chi2``,
    as √s for ``hellinger``, as 1/ln(1/s) for ``kl``.

    For total variation the gain, v (p - q - h/2) within its bounds ± v h/2, needs p itself, not up to a factor. We
    take p = h e^(c - loss) about loss = c, the height of one kernel where the labels are fitted, to first order:
    p - q = h (1 + c - loss - s). So dR/dΩ = s, from 0 to M - 1.
    """
    check_divergence(divergence)
    match divergence:
        case "reverse_kl":
            return log_overlap
        case "kl":
            return -F.softplus(-log_overlap).log()
        case "chi2":
            return F.softplus(log_overlap + math.log(2))
        case "hellinger":
            return 2 * torch.asinh((log_overlap / 2).exp())
        case "tv":
            return log_overlap.exp()
