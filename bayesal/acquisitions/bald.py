"""BALD: what the label of a point would tell about the model."""

import warnings

from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from bayesal.numerics.entropy import information


def bald(predictions: Distribution) -> Float[Tensor, "N ..."]:
    """I[y; θ | x] = H[y | x] - E_θ H[y | x, θ] = mean_k KL(p_k ‖ p̄) (Houlsby et al., 2011; Gal et al., 2017).

    ``predictions``: batch_shape (N, K), any task. The result is N scores in nats, from 0 (all hypotheses say the same)
    to ln K, and ln C for C classes. Rounding below 0 is clamped. Many labels a point (``Independent``) are summed, an
    upper bound of their joint information; ``predictions.base_dist`` gives the map per label. Normals are integrated
    to 1e-6.

    One hypothesis knows nothing it could learn: all 0, with a UserWarning. Raises ValueError for predictions without
    the axes (N, K), with NaN, or of an unknown type.
    """
    scores = information(predictions)
    warn_of_one_hypothesis(predictions, "bald")
    return scores


def warn_of_one_hypothesis(predictions: Distribution, name: str) -> None:
    """A disagreement of one hypothesis with itself is 0 everywhere: every ranking by it is a tie."""
    if predictions.batch_shape[1] == 1:
        warnings.warn(
            f"{name} of a single hypothesis is 0 for every point, so it cannot rank them; draw more hypotheses",
            UserWarning,
            stacklevel=3,
        )
