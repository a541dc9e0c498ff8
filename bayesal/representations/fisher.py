"""The Fisher information of a last layer at every point, as factors: what BAIT for classifiers chooses by."""

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.representations.last_layer import checked


def fisher_factors(logits: Tensor, features: Tensor) -> Kronecker:
    """V with VᵀV = I(x) = E_y[g_y g_yᵀ], g_y the gradient of cross-entropy by the weights of the last layer, flattened.

    I(x) = (diag p - p pᵀ) ⊗ h hᵀ, and the rows of V are √p_y (e_y - p) ⊗ h, one a class: the result has the shape
    ``(N, C, C·D)`` and is kept as its factors ``N C C`` and ``N D``. It is the Hessian of cross-entropy too, whatever
    the label. ``logits``: ``N C``; one logit is the second of two, (0, z). ``features``: h, ``N D``, what the last
    layer sees; append a column of ones for its bias. The result has the type of the features, at least float32;
    probabilities are float64, and 1 - p is not rounded where p is nearly 1.

    Ash, Goel, Krishnamurthy and Kakade, "Gone Fishing: Neural Active Learning with Fisher Embeddings", NeurIPS 2021.

    Raises ValueError for shapes that do not fit and for numbers that are not finite.
    """
    p, others, features = _read(logits, features)
    left = -p[:, None, :].expand(-1, p.shape[1], -1).clone()
    left.diagonal(dim1=1, dim2=2).copy_(others)
    left *= p.sqrt()[:, :, None]
    return Kronecker(left.to(features.dtype), features)


def binary_fisher_factors(logits: Tensor, features: Tensor) -> Float[Tensor, "N D"]:
    """√(p (1 - p)) h with p the largest probability: BAIT's information if the only question is whether that class is
    right.

    Rank 1 and D features however many classes there are: for ``Bait(noise)`` or ``FisherBait`` on rows ``N D``. With
    M = λI + Σ_S I(x), ``Bait`` at noise² = λ chooses what ``FisherBait(λ, "sum")`` chooses. The arguments are those of
    ``fisher_factors``.

    Huseljic et al., "Fast Fishing: Approximating BAIT for Efficient and Scalable Deep Active Image Classification",
    2024.
    """
    p, others, features = _read(logits, features)
    top = p.argmax(1, keepdim=True)
    return features * (p * others).gather(1, top).sqrt().to(features.dtype)


def _read(logits: Tensor, features: Tensor) -> tuple[Float[Tensor, "N C"], Float[Tensor, "N C"], Float[Tensor, "N D"]]:
    """p and 1 - p in float64, the latter as the sum of all others, and features of at least float32."""
    logits, features = checked(logits, features, "factors of Fisher information")
    p = logits.double().softmax(1)
    others = p @ (1 - torch.eye(p.shape[1], dtype=p.dtype, device=p.device))
    return p, others, features.to(torch.promote_types(features.dtype, torch.float32))
