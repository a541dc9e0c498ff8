"""EPIG: what the label of a point would tell about the labels of targets."""

from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Distribution

from bayesal.acquisitions.bald import warn_of_one_hypothesis
from bayesal.acquisitions.targets import check_pair, shares
from bayesal.numerics.class_pairs import class_information
from bayesal.numerics.classes import has_classes
from bayesal.numerics.normal_pairs import has_numbers, normal_information
from bayesal.numerics.sampled_pairs import sampled_information


def epig(
    predictions: Distribution, target_predictions: Distribution, target_weights: Tensor | None = None
) -> Float[Tensor, "N"]:
    """EPIG(x) = mean_t w_t I[y; y*_t | x, x*_t], in nats (Bickford Smith et al., 2023).

    ``predictions``: batch_shape (N, K); ``target_predictions``: (T, K), by the **same** K hypotheses in the same order,
    at inputs whose labels you want to predict; only their inputs are used. ``target_weights``: T numbers of at least
    0, scaled to mean 1; if only the classes' shares at the targets are known, ``class_prior_weights``.

    Classes (Categorical, Bernoulli; points and targets may have other classes): exact for the K hypotheses,
    I = Σ p(y, y*) ln p(y, y*) / p(y) p(y*), from 0 to the lesser of ``bald`` of the point and of the targets. float32
    is within 1e-6 of float64. Unrelated predictions share up to about (C - 1)(C* - 1) / 2K by chance: draw more.

    Numbers (Normal): by matched moments, I = -½ ln(1 - c² / V V*) with V = mean_k σ_k² + var_k μ_k and c =
    cov_k(μ_k, μ*_k), in float64. ``epig_sampled`` estimates the value of the mixture itself.

    Many labels a point: of Bernoulli or Categorical (multi-label), the sum over all pairs of a label of the point and
    one of the target. What two labels tell only together is missed, and what two tell both is counted twice, so it is
    no bound of their joint information. Of Normals (several outputs), joint and exact under matched moments.

    One hypothesis can only agree with itself: all 0, with a UserWarning. Raises ValueError for other numbers of
    hypotheses at points and targets, for no targets, for dense predictions (maps), for numbers at the points and
    classes at the targets or the reverse, for weights that are not T numbers of at least 0 or are all 0, and for NaN.
    """
    check_pair(predictions, target_predictions, "epig")
    weights = shares(target_weights, target_predictions)
    both = (predictions, target_predictions)
    if all(map(has_classes, both)):
        scores = class_information(*both, weights)
    elif all(map(has_numbers, both)):
        scores = normal_information(*both, weights)
    else:
        raise ValueError(
            "epig is for classes that tell about classes (Categorical, Bernoulli) and numbers that tell about numbers "
            f"(Normal), but the predictions are {type(predictions).__name__} and {type(target_predictions).__name__}"
        )
    warn_of_one_hypothesis(predictions, "epig")
    return scores


def epig_sampled(
    predictions: Distribution,
    target_predictions: Distribution,
    target_weights: Tensor | None = None,
    *,
    num_draws: int,
    generator: Generator,
) -> Float[Tensor, "N"]:
    """mean_j ln [ K Σ_i p(y_j | w_i) p(y*_j | w_i) / Σ_i p(y_j | w_i) Σ_i p(y*_j | w_i) ], in nats.

    Draw j has a target t_j in proportion to its weight, a hypothesis k_j, y_j ~ p(y | x, w_kj) and y*_j ~
    p(y* | x*_tj, w_kj) (Bickford Smith et al., 2023). An unbiased estimate of the EPIG of numbers under the equally
    weighted mixture of K hypotheses, modes and all, where ``epig`` matches moments; several outputs (``Independent``)
    are joint vectors. Its standard error is the spread of the logarithms, a nat or less, by √num_draws. Hypotheses are
    drawn equally often, to within one, and all points share targets, hypotheses and noise, so that their differences
    are closer than their values.

    Scores near 0 come out on either side of it, and clamping them would bias them: rules that need scores of at least
    0, as ``power`` does, need ``.clamp_min(0)``. Time is O(N K num_draws), in float64, in blocks.

    Raises ValueError as ``epig`` does, and for classes, for which ``epig`` is exact, and less than one draw.
    """
    check_pair(predictions, target_predictions, "epig_sampled")
    if not has_numbers(predictions) or not has_numbers(target_predictions):
        raise ValueError(
            "epig_sampled is for numbers (Normal), but the predictions are "
            f"{type(predictions).__name__} and {type(target_predictions).__name__}; for classes epig is exact"
        )
    if num_draws < 1:
        raise ValueError(f"num_draws must be at least 1, but it is {num_draws}")
    weights = shares(target_weights, target_predictions)
    scores = sampled_information(predictions, target_predictions, weights, num_draws, generator)
    warn_of_one_hypothesis(predictions, "epig_sampled")
    return scores
