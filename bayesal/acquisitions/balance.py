"""BALanCe: how much the label of a point would tell hypotheses apart that decide differently."""

import warnings

from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Distribution

from bayesal.numerics.classes import has_classes, over_points
from bayesal.numerics.door import check_axes
from bayesal.numerics.equivalence import contradictions, edge_weights


def balance(predictions: Distribution, edges: Shaped[Tensor, "K"]) -> Float[Tensor, "N ..."]:
    """Δ(x) = (1/K) Σ_c p̄(c) Σ_k e_k (1 - λ_k(c) λ_k+K(c)), λ_j(c) = p_j(c) / max p_j (Zhang et al., ICLR 2023).

    ``predictions``: classes, batch_shape (N, 2K); the hypotheses k and k + K are the pair k, and p̄ is the mean of all
    2K. ``edges``: e_k for each pair, True or 1 where its two classifiers differ
    (:func:`bayesal.numerics.equivalence.edges`), or any weights of at least 0, in which Δ is linear. The result is N
    scores without unit, from 0 to Σ_k e_k / K. Many labels a point (``Independent``) are summed;
    ``predictions.base_dist`` gives the map per label.

    No edge at all: all 0, with a UserWarning. Raises ValueError for an odd number of hypotheses, for edges that are not
    K weights, and for predictions that are not of classes, lack the axes (N, 2K) or hold NaN.
    """
    if not has_classes(predictions):
        raise ValueError(
            f"balance is for classes, but the predictions are {type(predictions).__name__}; "
            "use bald or variance for single points, or joint_bald for batches"
        )
    check_axes(predictions)
    weights = edge_weights(edges, predictions.batch_shape[1])
    pairs = weights.nonzero().squeeze(1)
    if len(pairs) == 0:
        warnings.warn(
            "no pair of hypotheses has an edge, so balance is 0 for every point and cannot rank them; use bald, or "
            "lower the threshold of the distances",
            UserWarning,
            stacklevel=2,
        )

    def score(logs: Float[Tensor, "n J ... C"]) -> Float[Tensor, "n ..."]:
        probabilities = logs.exp().movedim(1, -1).contiguous()  # hypotheses last: many, and summed over
        apart = contradictions(probabilities, pairs.to(logs.device)) @ weights[pairs].to(logs)
        return (probabilities.mean(dim=-1) * apart).sum(dim=-1) / len(weights)

    return over_points(predictions, score)
