"""What Normal labels of points and of targets tell about each other in a mixture of hypotheses, by sampling; nats."""

import math

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor
from torch.distributions import Distribution

from bayesal.numerics.door import check_finite
from bayesal.numerics.normal_pairs import normal_parameters

ELEMENTS = 2**20  # log-densities in one block: 8 MiB


def sampled_information(
    predictions: Distribution,
    targets: Distribution,
    weights: Float[Tensor, "T"],
    num_draws: int,
    generator: Generator,
) -> Float[Tensor, "N"]:
    """An unbiased estimate of Σ_t weights[t] I(y_n; y*_t), weights of sum 1, for (N, K) and (T, K) of Normals.

    The mean over draws j of ln K Σ_i p(y_j | w_i) p(w_i | y*_j) / Σ_i p(y_j | w_i). Targets t_j are drawn in
    proportion to their weight, hypotheses k_j alike, and y_j and y*_j under k_j. In float64, in log space.
    """
    mean, scale = (x.double() for x in normal_parameters(predictions))
    target_mean, target_scale = (x.double() for x in normal_parameters(targets, "target point"))
    points, hypotheses, outputs = mean.shape
    widths = (outputs, target_mean.shape[2])

    hypothesis = each_equally_often(hypotheses, num_draws, generator).to(mean.device)
    target = in_proportion(weights.cpu(), num_draws, generator).to(mean.device)
    noise = torch.randn(num_draws, sum(widths), dtype=torch.float64, generator=generator).to(mean)

    sums = torch.zeros(points, dtype=torch.float64, device=mean.device)
    step = max(1, ELEMENTS // (hypotheses * max(widths)))
    for draws in torch.arange(num_draws, device=mean.device).split(step):
        k, t, (own, theirs) = hypothesis[draws], target[draws], noise[draws].split(widths, dim=1)
        target_labels = target_mean[t, k] + target_scale[t, k] * theirs
        posterior = _log_densities(target_labels, target_mean[t], target_scale[t]).log_softmax(1)  # ln p(w_i | y*_j)
        for some in torch.arange(points, device=mean.device).split(max(1, step // len(draws))):
            labels = mean[some][:, k] + scale[some][:, k] * own
            likelihood = _log_densities(labels, mean[some, None], scale[some, None])
            sums[some] += ((likelihood + posterior).logsumexp(2) - likelihood.logsumexp(2)).sum(1)
    dtype = torch.promote_types(predictions.mean.dtype, targets.mean.dtype)
    return check_finite(sums / num_draws + math.log(hypotheses)).to(torch.promote_types(dtype, torch.float32))


def each_equally_often(number: int, draws: int, generator: Generator) -> Int[Tensor, "J"]:
    """Each of 0 ... number - 1, ⌊draws / number⌋ times or once more."""
    rounds = [torch.randperm(number, generator=generator) for _ in range(-(-draws // number))]
    return torch.cat(rounds)[:draws]


def in_proportion(weights: Float[Tensor, "T"], draws: int, generator: Generator) -> Int[Tensor, "J"]:
    """Each position draws · weight times, rounded up or down at random, in random order: systematic sampling."""
    steps = (torch.arange(draws) + torch.rand(1, dtype=torch.float64, generator=generator)) / draws
    ladder = weights.cumsum(0)
    drawn = torch.searchsorted(ladder, steps * ladder[-1], right=True).clamp_max(int(weights.nonzero()[-1]))
    return drawn[torch.randperm(draws, generator=generator)]


def _log_densities(
    labels: Float[Tensor, "... J D"], mean: Float[Tensor, "... K D"], scale: Float[Tensor, "... K D"]
) -> Float[Tensor, "... J K"]:
    """ln p(label | w_i) for every hypothesis, less a constant that no ratio depends on."""
    return -(((labels.unsqueeze(-2) - mean) / scale).square_().mul_(0.5) + scale.log()).sum(-1)
