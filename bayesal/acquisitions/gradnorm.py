"""How much a label would move the last layer of a classifier: norms of gradients, in closed form.

Everything follows from the logits ``N C`` of a network and the features h ``N D`` that its last linear layer sees: the
gradient of a loss in the weights is u ⊗ h and in the biases u, where u is the loss's gradient in the logits. One logit
alone is that of class 1 against class 0, whose logit is 0. Computed in float64 and returned in at least float32; for
gradients in all weights see ``bayesal.views.GradNorm``. All raise ValueError for logits and features that do not fit
together or are not finite.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from bayesal.numerics.door import check_finite

REDUCTIONS = ("sum_of_norms", "global_norm")


def entropy_gradnorm(
    logits: Tensor, features: Tensor, reduction: str = "sum_of_norms", bias: bool = True
) -> Float[Tensor, "N"]:
    """‖∇H[y | x]‖ with u_c = -p_c (ln p_c + H): entropy-gradnorm (Wang et al., AAAI 2022).

    ``reduction``: "sum_of_norms" adds the norms of the gradients in the weights and in the biases, ‖u‖ (‖h‖ + 1), as
    the authors' program does; "global_norm" is that of both together, ‖u‖ √(‖h‖² + 1). ``bias=False``: ‖u‖ ‖h‖. It is
    0 where the model is certain, and also where all classes are equally likely, the most uncertain points there are.
    """
    log_p, h = _read(logits, features)
    entropy = -(log_p.exp() * log_p).sum(1, keepdim=True)
    u = _own(-log_p.exp() * (log_p + entropy), logits)
    return _as_given(u.norm(dim=1) * _lengths(h, reduction, bias), logits)


def expected_gradnorm(
    logits: Tensor, features: Tensor, reduction: str = "sum_of_norms", bias: bool = True
) -> Float[Tensor, "N"]:
    """‖∇ Σ_c p_c CE(logits, c)‖: expected-gradnorm, which is ``entropy_gradnorm``, identically (Wang et al., 2022).

    CE(logits, c) is -ln p_c, so the expected loss is the entropy; were p held fixed its gradient would be 0.
    """
    return entropy_gradnorm(logits, features, reduction, bias)


def egl(logits: Tensor, features: Tensor, reduction: str = "global_norm", bias: bool = True) -> Float[Tensor, "N"]:
    """Expected gradient length Σ_c p_c ‖∇CE(logits, c)‖, ‖p - e_c‖ times that of the features (Settles, Craven, 2008).

    ``reduction`` and ``bias`` are those of ``entropy_gradnorm``.
    """
    log_p, h = _read(logits, features)
    lengths = _squared_residuals(log_p, logits).sqrt()
    return _as_given((log_p.exp() * lengths).sum(1) * _lengths(h, reduction, bias), logits)


def fisher_trace(logits: Tensor, features: Tensor, bias: bool = True) -> Float[Tensor, "N"]:
    """The trace of the last layer's Fisher information, Σ_c p_c ‖∇CE(logits, c)‖² = (1 - ‖p‖²)(‖h‖² + 1)."""
    log_p, h = _read(logits, features)
    variance = (log_p.exp() * _squared_residuals(log_p, logits)).sum(1)
    return _as_given(variance * _lengths(h, "global_norm", bias).square(), logits)


def _squared_residuals(log_p: Float[Tensor, "N C"], logits: Tensor) -> Float[Tensor, "N C"]:
    """‖p - e_c‖² = (1 - p_c)² + Σ_j≠c p_j² for every label c, without a difference of close numbers."""
    rest = -log_p.expm1()  # 1 - p_c
    if logits.shape[1] == 1:  # one logit, whose gradient is p_1 - c
        return rest.square()
    squares = log_p.exp().square()
    largest = _largest(squares)
    small = squares.masked_fill(largest, 0)
    others = small.sum(1, keepdim=True) + (squares.amax(1, keepdim=True) - small).masked_fill(largest, 0)
    return rest.square() + others


def _own(u: Float[Tensor, "N C"], logits: Tensor) -> Float[Tensor, "N E"]:
    """The gradient in the logits there are: of one alone, the last of two."""
    return u[:, -1:] if logits.shape[1] == 1 else u


def _lengths(h: Float[Tensor, "N D"], reduction: str, bias: bool) -> Float[Tensor, "N"]:
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be {' or '.join(REDUCTIONS)}, but it is {reduction!r}")
    norms = h.norm(dim=1)
    if not bias:
        return norms
    return norms + 1 if reduction == "sum_of_norms" else (norms.square() + 1).sqrt()


def _read(logits: Tensor, features: Tensor) -> tuple[Float[Tensor, "N C"], Float[Tensor, "N D"]]:
    """Log-probabilities and features in float64."""
    shapes = f"{tuple(logits.shape)} and {tuple(features.shape)}"
    if logits.ndim != 2 or features.ndim != 2 or len(logits) != len(features) or not logits.shape[1]:
        raise ValueError(
            f"logits (N, C) and features (N, D) of the same points are needed, but their shapes are {shapes}"
        )
    z, h = logits.detach().double(), features.detach().to(logits.device).double()
    check_finite(torch.cat([z, h], 1).sum(1))
    if z.shape[1] == 1:
        return torch.cat([logsigmoid(-z), logsigmoid(z)], 1), h
    log_p = z.log_softmax(1)
    largest = _largest(log_p)
    rest = log_p.exp().masked_fill(largest, 0).sum(1, keepdim=True)
    sharp = largest & (rest < 0.5)  # where ln p_c is so close to 0 that a difference of logits does not hold it
    return torch.where(sharp, torch.log1p(-rest), log_p), h


def _largest(values: Float[Tensor, "N C"]) -> Bool[Tensor, "N C"]:
    """Where the largest of each row is, the first of equals."""
    return torch.zeros_like(values, dtype=torch.bool).scatter_(1, values.argmax(1, keepdim=True), True)


def _as_given(scores: Float[Tensor, "N"], logits: Tensor) -> Float[Tensor, "N"]:
    return scores.to(torch.promote_types(logits.dtype, torch.float32))
