"""What stands for the loss of a point whose label is not known: vectors whose sums a batch has to imitate."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Distribution

from bayesal.numerics.entropy import mixture_entropy
from bayesal.numerics.expected_likelihood import expected_log_likelihood, signature_variance
from bayesal.numerics.kronecker import Kronecker


def log_likelihood_signatures(
    predictions: Distribution, marginal: Distribution | None = None, *, entropy_weight: float | int = 1.0
) -> Float[Tensor, "N J"]:
    """(1/√J) [E_{y ~ p̄} ln p(y | x_n, θ_j) + γ H(p̄)] for J hypotheses: the rows of ACS-FW (Pinsler et al., 2019).

    ``predictions``: batch shape (N, J), for any task. ``marginal``: predictions whose mean over hypotheses is p̄, the
    distribution of the label; by default these. ``entropy_weight``: γ, 1 in the paper and 0.7 in its scripts. For
    amounts the expectation is in closed form and H(p̄) by quadrature.

    Raises ValueError as :func:`bayesal.numerics.expected_likelihood.expected_log_likelihood` does.
    """
    marginal = predictions if marginal is None else marginal
    values = expected_log_likelihood(predictions, marginal)
    if entropy_weight:
        values = values + entropy_weight * mixture_entropy(marginal)[:, None].to(values.dtype)
    return values * values.shape[1] ** -0.5


def loss_signatures(predictions: Distribution) -> Float[Tensor, "N K1"]:
    """Φ_n and σ²_n of sparse approximation for K hypotheses, the K numbers of Φ_n first (Shen et al., 2022).

    Φ_nk = (l_nk - mean_k l_nk) / √K with l_nk = -E_{y ~ p̄} ln p(y | x_n, θ_k), the expected loss under each
    hypothesis, centred because a constant of a loss does not matter; σ²_n is the expected squared distance from Φ_n to
    the same vector once the label is known. For any task. Raises ValueError as :func:`log_likelihood_signatures` does.
    """
    losses = -expected_log_likelihood(predictions, predictions)
    centred = (losses - losses.mean(1, keepdim=True)) * losses.shape[1] ** -0.5
    return torch.cat([centred, signature_variance(predictions)[:, None].to(centred.dtype)], dim=1)


def label_model(logits: Float[Tensor, "N C"], trust: float | int = 0.5) -> Float[Tensor, "N C"]:
    """π = (1 - ρ) p + ρ e_ŷ: what is believed of a label, from the network's own probabilities p (``trust`` ρ = 0) to
    its best guess ŷ (ρ = 1; of equal ones the lowest). Raises ValueError for ρ outside 0 ... 1."""
    if not 0 <= trust <= 1:
        raise ValueError(f"trust in the best guess is a share from 0 to 1, but it is {trust}")
    probabilities = logits.detach().double().softmax(1)
    guesses = torch.zeros_like(probabilities).scatter_(1, logits.argmax(1, keepdim=True), 1.0)
    return (1 - trust) * probabilities + trust * guesses


def gradient_signatures(
    logits: Tensor, features: Tensor, labels: Tensor | None = None, variance_labels: Tensor | None = None
) -> tuple[Kronecker, Float[Tensor, "N"]]:
    """Φ_n = (p_n - π_n) ⊗ h_n and σ²_n = (1 - ‖π_n‖²) ‖h_n‖² of sparse approximation (Shen et al., 2022): the mean and
    the variance of the gradient of the cross-entropy in the last layer's weights, when the label follows π_n.

    ``logits`` ``N C``; ``features`` ``N D`` of the last layer, with a column of ones if it has a bias. ``labels``: π
    ``N C``, by default ``label_model(logits)``, and then Φ is half the BADGE embedding. With the network's own
    probabilities as π every Φ_n is 0. ``variance_labels``: another π for the variance only, since a π that is sure has
    none. Φ is kept as its factors. Raises ValueError for shapes that do not fit.
    """
    if logits.ndim != 2 or features.ndim != 2 or len(logits) != len(features):
        raise ValueError(
            "gradients of a last layer need logits (N, C) and features (N, D) of the same points, but these have the "
            f"shapes {tuple(logits.shape)} and {tuple(features.shape)}"
        )
    labels = label_model(logits) if labels is None else labels
    spread = labels if variance_labels is None else variance_labels
    for given in (labels, spread):
        if given.shape != logits.shape:
            raise ValueError(
                f"a label model is one probability for each logit, {tuple(logits.shape)}, but has shape "
                f"{tuple(given.shape)}"
            )
    dtype = torch.promote_types(features.dtype, torch.float32)
    apart = logits.detach().double().softmax(1) - labels.double()
    long = torch.linalg.vector_norm(features.detach(), dim=1, dtype=torch.float64).square()
    variances = (1 - spread.double().square().sum(1)).clamp_min(0) * long
    return Kronecker(apart.to(dtype), features.detach().to(dtype)), variances


def regression_signatures(features: Tensor, covariance: Tensor, noise: float | int) -> Kronecker:
    """x_n ⊗ Σ^½ x_n / σ², as factors: (x_n·x_m)(x_nᵀ Σ x_m) / σ⁴ are the inner products of ACS-FW for a linear model
    (Pinsler et al., 2019).

    ``features`` ``N D``; ``covariance`` Σ ``D D`` of the weights; ``noise``: σ, the standard deviation of a label. With
    an inverse-gamma noise of shape a and rate b, let Σ be that of unit noise and σ² = √(b/a), which gives the factor
    a/b of the authors' code. Raises ValueError for shapes that do not fit, a Σ that is no covariance and a noise that
    is not above 0.
    """
    if features.ndim != 2 or covariance.shape != (features.shape[1],) * 2:
        raise ValueError(
            "a linear model has features (N, D) and a covariance of weights (D, D), but these have the shapes "
            f"{tuple(features.shape)} and {tuple(covariance.shape)}"
        )
    if not 0 < noise < float("inf"):
        raise ValueError(f"noise is a standard deviation and must be above 0, but it is {noise}")
    values, vectors = torch.linalg.eigh(covariance.detach().double())
    if not bool((values >= -1e-9 * values.abs().max()).all()):
        raise ValueError(f"a covariance has no negative eigenvalue, but this one has {float(values.min()):.3g}")
    root = vectors * values.clamp_min(0).sqrt()
    features = features.detach()
    return Kronecker(features / noise**2, (features.double() @ root).to(features.dtype))
