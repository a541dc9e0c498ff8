"""How far apart two samples are: the maximum mean discrepancy under Gaussian kernels."""

from jaxtyping import Shaped
from torch import Tensor, cat, cdist

KERNELS = 5


def squared_mmd(one: Shaped[Tensor, "N D"], other: Shaped[Tensor, "M D"]) -> float:
    """mean k(x, x') + mean k(y, y') - 2 mean k(x, y), in float64, each mean over all pairs, x = x' included.

    k is the sum of five Gaussian kernels exp(-d² / h) with h = s/4, s/2, s, 2s, 4s, where s is the mean squared
    distance between different points of both samples together (Gretton et al., JMLR 2012; the kernels of Long et al.,
    ICML 2015). At least 0, and 0 if all points are the same. Raises ValueError for an empty sample.
    """
    if len(one) == 0 or len(other) == 0:
        raise ValueError(f"two samples are compared by their points, but they have {len(one)} and {len(other)}")
    points = cat([one, other]).double()
    count, own = len(points), len(one)
    squared = cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist").square()
    scale = float(squared.sum()) / (count * (count - 1))
    if scale == 0:
        return 0.0
    widest = (squared / (-(2 ** (KERNELS // 2)) * scale)).exp()
    kernel = widest.clone()
    for _ in range(KERNELS - 1):  # half the width is the square
        widest.square_()
        kernel += widest
    between = kernel[:own, own:].mean()
    return max(0.0, float(kernel[:own, :own].mean() + kernel[own:, own:].mean() - 2 * between))
