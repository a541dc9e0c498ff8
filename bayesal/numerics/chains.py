"""How many independent draws a Markov chain is worth."""

import torch
from jaxtyping import Float
from torch import Tensor


def effective_sample_size(chain: Float[Tensor, "S ..."], /) -> Float[Tensor, "..."]:
    """S / (1 + 2 Σ_t ρ_t) of S values of a chain (of each of the numbers along the other axes), between 1 and S.

    The autocorrelations ρ_t are summed by Geyer's initial monotone sequence: in pairs Γ_m = ρ_2m + ρ_2m+1, for as long
    as these are positive, and none larger than the one before (Geyer, Statistical Science 1992). A chain that never
    moves is worth one draw. Raises ValueError for fewer than 4 values, and for values that are not finite.
    """
    size = len(chain)
    if size < 4:
        raise ValueError(f"autocorrelations need a chain of at least 4 values, but there are {size}")
    if not chain.isfinite().all():
        raise ValueError("the chain holds NaN or infinite values; the sampler diverged, so lower its learning rate")
    values = chain.double() - chain.double().mean(dim=0)
    spectrum = torch.fft.rfft(values, n=2 * size, dim=0)  # padded by zeros: no wrapping around
    covariances = torch.fft.irfft(spectrum.abs().square(), n=2 * size, dim=0)[: size - size % 2]
    moves = covariances[0] > 1e-20 * chain.double().square().sum(dim=0)
    correlations = covariances / torch.where(moves, covariances[0], 1.0)
    pairs = correlations.unflatten(0, (-1, 2)).sum(dim=1)
    positive = (pairs > 0).cumprod(dim=0)
    time = 2 * (pairs.cummin(dim=0).values * positive).sum(dim=0) - 1
    return torch.where(moves, size / time.clamp(1.0, float(size)), 1.0).to(chain.dtype)
