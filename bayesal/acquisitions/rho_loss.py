"""RHO-LOSS: which labelled points a model has still to learn, and can. For streams of labels, not for asking them."""

import math

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent

from bayesal.numerics.classes import chunks, log_probabilities
from bayesal.numerics.door import check_axes


def rho_loss(
    predictions: Distribution, labels: Shaped[Tensor, "N ..."], irreducible_loss: Float[Tensor, "..."]
) -> Float[Tensor, "N ..."]:
    """L[y | x; what was trained on so far] - L[y | x; a holdout set], in nats, of any sign (Mindermann et al., 2022).

    The reducible holdout loss: large where the model is wrong and a model of other data is not. Points whose label is
    noise have a large second term and a low score, and points already learnt a small first one. ``irreducible_loss``
    is :func:`label_loss` under a model trained on holdout data, computed once. The paper draws 320 points at random and
    trains on the 32 of the highest score.

    Equal losses give 0, infinite ones too; a label that only the model, or only the holdout model, finds impossible
    gives +inf or -inf. Raises ValueError like :func:`label_loss`, and for irreducible losses that are not one number a
    point.
    """
    loss = label_loss(predictions, labels)
    if irreducible_loss.shape != loss.shape:
        raise ValueError(
            f"there must be one irreducible loss a label, of shape {tuple(loss.shape)}, but the shape is "
            f"{tuple(irreducible_loss.shape)}; compute it with label_loss under the holdout model"
        )
    _refuse_nan(irreducible_loss, "irreducible loss")
    return torch.where(loss == irreducible_loss, 0, loss - irreducible_loss)


def label_loss(predictions: Distribution, labels: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N ..."]:
    """L[y | x] = -ln mean_k p(y | x, θ_k), the loss of the hypotheses' mean prediction, in nats.

    Any task: for classes at least 0, for densities of any sign. ``labels``: class numbers ``N``, or 0 and 1, amounts or
    maps of the shape that one hypothesis predicts. The labels of one point (``Independent``) count as one: their joint
    probability under each hypothesis, then the mean. A label that every hypothesis finds impossible loses +inf.

    Raises ValueError for predictions without the axes (N, K) or with NaN, and for labels of another shape, out of
    range, or NaN.
    """
    check_axes(predictions)
    one, events = predictions, 0
    while isinstance(one, Independent):
        one, events = one.base_dist, events + one.reinterpreted_batch_ndims
    _check_labels(one, labels)
    fit = _log_likelihoods(one, labels)
    if events:
        fit = fit.sum(dim=tuple(range(-events, 0)))
    loss = math.log(fit.shape[1]) - fit.logsumexp(dim=1)
    _refuse_nan(loss, "loss")
    return loss.clamp_min(0) if isinstance(one, Categorical | Bernoulli) else loss


def _log_likelihoods(predictions: Distribution, labels: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N K ..."]:
    """ln p(y | x, θ_k) of each hypothesis."""
    if not isinstance(predictions, Categorical | Bernoulli):
        return predictions.log_prob(labels.unsqueeze(1)).detach()
    parts = []
    classes = predictions.param_shape[-1] if isinstance(predictions, Categorical) else 2
    for points in chunks(len(labels), predictions.batch_shape[1:].numel() * classes):
        logs = log_probabilities(predictions, points)
        picks = labels[points].long().unsqueeze(1).unsqueeze(-1)
        parts.append(logs.gather(-1, picks.expand(*logs.shape[:-1], 1)).squeeze(-1))
    fit = torch.cat(parts)
    return fit.masked_fill(fit == torch.finfo(fit.dtype).min, -torch.inf)  # ln 0, see log_probabilities


def _check_labels(predictions: Distribution, labels: Tensor) -> None:
    points, _, *rest = predictions.batch_shape
    if labels.shape != (points, *rest):
        raise ValueError(
            f"the predictions need labels of shape {(points, *rest)}, but they have the shape {tuple(labels.shape)}"
        )
    if isinstance(predictions, Categorical):
        classes = predictions.param_shape[-1]
        if len(labels) and (labels.is_floating_point() or labels.is_complex()):
            raise ValueError(f"labels of classes are whole numbers, but they are {labels.dtype}; convert them to int64")
        allowed, expected = (labels >= 0) & (labels < classes), f"a class from 0 to {classes - 1}"
    elif isinstance(predictions, Bernoulli):
        allowed, expected = (labels == 0) | (labels == 1), "0 or 1"
    else:
        allowed, expected = labels.isfinite(), "a finite number"
    if not bool(allowed.all()):
        where = (~allowed).nonzero()[0]
        raise ValueError(
            f"the label of point {int(where[0])} must be {expected}, but it is {labels[tuple(where)].item()}"
        )


def _refuse_nan(values: Tensor, name: str) -> None:
    nan = values.isnan()
    if bool(nan.any()):
        raise ValueError(f"the {name} of point {int(nan.nonzero()[0, 0])} is NaN; check what the model predicts there")
