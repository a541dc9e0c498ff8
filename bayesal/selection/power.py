"""Stochastic batches from the scores of single points: Power-, Softmax- and Softrank-sampling.

Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal, "Stochastic Batch Acquisition", TMLR 2023. Each rule
draws B distinct positions one after the other, in proportion to a weight (Gumbel top-k). ``coldness`` β: towards
infinity the rules become ``top``, at 0 they are uniform. Scores of +inf are always taken first; weights of 0 are drawn
only when nothing else is left, uniformly. All raise ValueError for a batch below 0 or above N, for NaN, for more than
one number a row, and for a coldness that is negative or not finite.
"""

import math

import torch
from jaxtyping import Float, Int, Shaped
from torch import Generator, Tensor

from bayesal.numerics.random import gumbel_top_k
from bayesal.selection.door import check_scores
from bayesal.selection.random import random

ROUNDING = 1e-6  # relative to the largest score: how far below 0 a difference of float32 entropies may round


def power(
    scores: Shaped[Tensor, "N ..."], batch_size: int, /, *, coldness: float | int = 1.0, generator: Generator
) -> Int[Tensor, "B"]:
    """Each draw ∝ score^β (PowerBALD); the scores' unit does not matter, and a score of 0 has no chance.

    Scores must not be negative; what rounding left below 0 counts as 0. β = 1 is the paper's default.
    """
    check_scores(scores, batch_size)
    if len(scores) and float(scores.min()) < -ROUNDING * max(1.0, float(scores.abs().max())):
        raise ValueError(
            f"power needs scores of at least 0, but row {int(scores.argmin())} has {float(scores.min()):.3g}; "
            "use softmax or softrank, or a score that cannot be negative"
        )
    return _draw(scores.double().clamp_min(0).log(), batch_size, coldness, generator)


def softmax(
    scores: Shaped[Tensor, "N ..."], batch_size: int, /, *, coldness: float | int = 1.0, generator: Generator
) -> Int[Tensor, "B"]:
    """Each draw ∝ exp(β score) (SoftmaxBALD); only differences of scores matter, in their own unit.

    β must match the scale of the scores: 8 suits BALD in nats, and 1 is there close to uniform.
    """
    check_scores(scores, batch_size)
    return _draw(scores.double(), batch_size, coldness, generator)


def softrank(
    scores: Shaped[Tensor, "N ..."], batch_size: int, /, *, coldness: float | int = 1.0, generator: Generator
) -> Int[Tensor, "B"]:
    """Each draw ∝ rank^-β, rank 1 being the highest score (SoftrankBALD); only the order of the scores matters.

    Equal scores are ranked at random, so that the order of the pool leaves no trace. β = 1 is the paper's default.
    """
    check_scores(scores, batch_size)
    shuffled = torch.randperm(len(scores), generator=generator).to(scores.device)
    by_rank = shuffled[scores[shuffled].argsort(descending=True, stable=True)]
    ranks = torch.arange(1, len(scores) + 1, dtype=torch.float64, device=scores.device)
    return by_rank[_draw(-ranks.log(), batch_size, coldness, generator)]


def _draw(
    log_weights: Float[Tensor, "N"], batch_size: int, coldness: float | int, generator: Generator
) -> Int[Tensor, "B"]:
    if not (coldness >= 0 and math.isfinite(coldness)):
        raise ValueError(f"coldness must be a number of at least 0, but it is {coldness}; for infinity use top")
    if coldness == 0:
        return random(log_weights, batch_size, generator=generator)
    if bool(log_weights.isfinite().all()):
        return gumbel_top_k(coldness * log_weights, batch_size, generator=generator)
    even = torch.zeros((), dtype=log_weights.dtype, device=log_weights.device).expand_as(log_weights)
    drawn: list[Tensor] = []
    for tier, weights in (
        (log_weights == torch.inf, even),
        (log_weights.isfinite(), coldness * log_weights),
        (log_weights == -torch.inf, even),
    ):
        positions = tier.nonzero().squeeze(1)
        size = min(batch_size - sum(map(len, drawn)), len(positions))
        drawn.append(positions[gumbel_top_k(weights[positions], size, generator=generator)])
    return torch.cat(drawn)
