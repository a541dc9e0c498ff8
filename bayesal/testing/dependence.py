"""Whether a posterior's functions can move at one point without moving at all others."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal.testing.findings import Finding
from bayesal.types import Posterior

LAW = "points move apart"
POINTS = 16
SMALLEST = 1e-4  # of the largest singular value: less is rounding


def dependence(posterior: Posterior, inputs: Tensor, like: Distribution, *, seed: int) -> Finding:
    """K functions of C outputs at N points span more than C directions, or one noise vector was added everywhere.

    Deviations of the K functions from their mean are a matrix, K by N C. Where every function is f(x) + L(x) z_k with
    one z_k for all points, as in the samples that laplace-torch takes from a linearised network, its rank is at most C,
    every pair of points is correlated as strongly as can be, and no joint quantity is right. The same rank is honest
    for models of C numbers or fewer, so points need enough features for that not to be the case. ``like``: what the
    posterior predicts, to see how many outputs there are.
    """
    with torch.no_grad():
        points = inputs[:POINTS]
        outputs = _outputs(like).shape[-1]
        freedom = outputs if outputs == 1 else outputs + 1
        wanted = 2 * freedom + 4
        predictions = posterior.draw(wanted, generator=Generator().manual_seed(seed))(points)
        values = _outputs(predictions).transpose(0, 1).double()
    if len(values) <= freedom + 1 or points[0].numel() * outputs <= freedom:
        return Finding(
            LAW, True, f"{len(values)} functions at such points are too few to tell whether points move apart"
        )
    deviations = (values - values.mean(0)).flatten(1)
    _, sizes, directions = torch.linalg.svd(deviations, full_matrices=False)
    rank = int((sizes > SMALLEST * sizes[0]).sum())
    together = outputs > 1 or bool((directions[0] > 0).all() or (directions[0] < 0).all())
    if 0 < rank <= freedom and together:
        sentence = (
            f"{len(values)} functions at {len(points)} points move in {rank} direction(s) only: one noise vector is "
            "added at all points, so every pair of them is perfectly correlated; draw weights, and evaluate all points"
        )
        return Finding(LAW, False, sentence)
    return Finding(LAW, True, f"{len(values)} functions at {len(points)} points move in {rank} directions")


def _outputs(predictions: Distribution) -> Float[Tensor, "N K C"]:
    """Numbers in which a linear model's functions are linear."""
    match predictions:
        case Normal():
            return predictions.loc.flatten(2) if predictions.loc.ndim > 2 else predictions.loc.unsqueeze(-1)
        case Categorical():
            logits = predictions.logits
            return (logits[..., :-1] - logits[..., -1:]).flatten(2)
        case Independent() if isinstance(predictions.base_dist, Categorical):  # a map: the place in the middle
            logits = predictions.base_dist.logits
            n, k, *places, classes = logits.shape
            middle = logits.reshape(n, k, -1, classes)[:, :, torch.Size(places).numel() // 2]
            return middle[..., :-1] - middle[..., -1:]
        case Independent() if isinstance(predictions.base_dist, Normal | Bernoulli):
            base = predictions.base_dist
            return base.logits.flatten(2) if isinstance(base, Bernoulli) else _outputs(base)
        case _:
            return predictions.mean.flatten(2) if predictions.mean.ndim > 2 else predictions.mean.unsqueeze(-1)
