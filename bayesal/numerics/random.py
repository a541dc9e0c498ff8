"""Drawing without replacement, by Gumbel noise: exact for any number of weights and any range of them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

CHUNK = 2**22  # weights looked at together: 32 MiB of noise, however many weights there are
SMALLEST = 2.0**-54  # below the smallest positive number torch draws (2^-53), so that no logarithm is infinite


def gumbel(shape: Sequence[int], generator: Generator) -> Float[Tensor, "..."]:
    """Independent Gumbel(0, 1) noise -ln(-ln u), u uniform on the open interval (0, 1), in float64 on the CPU.

    Every value is finite, from -3.7 to 36.8.
    """
    uniform = torch.rand(tuple(shape), dtype=torch.float64, generator=generator)
    return uniform.clamp_min_(SMALLEST).log_().neg_().log_().neg_()


def gumbel_top_k(log_weights: Shaped[Tensor, "N ..."], k: int, *, generator: Generator) -> Int[Tensor, "B"]:
    """k distinct positions drawn one after the other, each with probability in proportion to its weight among those
    not drawn yet (Plackett-Luce), in the order drawn: the k largest ln w + Gumbel noise (Vieira, 2014; Kool et al.,
    2019).

    Weights are never exponentiated, so any range of them works; ``multinomial`` stops at 2^24 weights and underflows.
    ln w = -inf is never drawn. Memory beyond the weights is O(k) and one chunk of noise.

    Raises ValueError for NaN or +inf, and for k above the number of weights that are not 0.
    """
    if log_weights.ndim != 1:
        raise ValueError(f"log-weights are one number a point, but they have the shape {tuple(log_weights.shape)}")
    best = torch.empty(0, dtype=torch.float64)
    where = torch.empty(0, dtype=torch.int64)
    possible = 0
    for start in range(0, len(log_weights), CHUNK):
        weights = log_weights[start : start + CHUNK].detach().cpu().double()
        if not bool((weights < torch.inf).all()):
            bad = start + int((~(weights < torch.inf)).nonzero()[0])
            raise ValueError(f"log-weights must be numbers or -inf, but number {bad} is {float(log_weights[bad])}")
        possible += int((weights > -torch.inf).sum())
        keys, positions = (weights + gumbel(weights.shape, generator)).topk(min(k, len(weights)))
        best, where = torch.cat([best, keys]), torch.cat([where, positions + start])
        best, order = best.topk(min(k, len(best)))
        where = where[order]
    if k > possible:
        raise ValueError(f"{k} draws without replacement need {k} weights above 0, but there are {possible}")
    return where.to(log_weights.device)
