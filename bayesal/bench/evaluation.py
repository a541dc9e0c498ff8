"""What a belief reached on points it never saw: the predictions of K hypotheses, averaged, against the truth."""

import math

import torch
from jaxtyping import Float, Int
from sklearn.metrics import roc_auc_score
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal.bench.masks import mask_metrics
from bayesal.bench.tasks import Labelled
from bayesal.data.pool import Pool
from bayesal.types import Inputs, Posterior


def evaluate(belief: Posterior, test: Labelled, *, num_hypotheses: int, generator: Generator) -> dict[str, float]:
    """``accuracy`` and ``nll`` of the averaged probabilities (per label where there are several), or ``rmse`` and
    ``nll`` of the equally weighted mixture; nats a point, in the units of the labels. Of masks also ``iou`` and
    ``dice``, and the ``nll`` of a pixel (see ``bayesal.bench.masks``)."""
    hypotheses = belief.draw(num_hypotheses, generator=generator)

    @torch.no_grad()
    def look(inputs: Inputs) -> Tensor:
        return _rows(hypotheses(inputs))

    rows = Pool.of(test.inputs, progress=False).scan(look, what="testing")
    if test.labels.ndim == 3:
        return mask_metrics(rows, test.labels)
    if rows.ndim == 4:
        return mixture_metrics(rows, test.labels)
    if test.labels.is_floating_point():
        return several_labels_metrics(rows, test.labels)
    return class_metrics(rows, test.labels)


def class_metrics(log_probs: Float[Tensor, "N C"], labels: Int[Tensor, "N"]) -> dict[str, float]:
    """Accuracy (ties: the lower class) and -1/N Σ ln p(y_n)."""
    right = log_probs.argmax(1) == labels
    nll = -log_probs.double().gather(1, labels[:, None]).mean()
    return {"accuracy": right.double().mean().item(), "nll": nll.item()}


def calibration_error(log_probs: Float[Tensor, "N C"], labels: Int[Tensor, "N"], *, num_bins: int = 15) -> float:
    """Expected calibration error: Σ_b n_b / N |accuracy_b - confidence_b| over bins of equal width of the largest
    probability, each with its right end (Guo et al., 2017)."""
    confidence, predicted = log_probs.double().exp().max(1)
    which = (confidence * num_bins).ceil().long().clamp(1, num_bins) - 1
    surplus = (predicted == labels).double() - confidence
    return (confidence.new_zeros(num_bins).index_add(0, which, surplus).abs().sum() / len(labels)).item()


def ood_auroc(inside: Float[Tensor, "N"], outside: Float[Tensor, "M"]) -> float:
    """How well a score tells strange points from usual ones: the chance that a strange one has the larger score, a tie
    counting half."""
    strange = torch.cat([torch.zeros(len(inside)), torch.ones(len(outside))])
    return float(roc_auc_score(strange.numpy(), torch.cat([inside, outside]).double().numpy()))


def several_labels_metrics(log_probs: Float[Tensor, "N C"], labels: Float[Tensor, "N C"]) -> dict[str, float]:
    """Share of labels that are right, and the mean negative log-likelihood a label; ``log_probs`` of a 1."""
    log_probs = log_probs.double()
    of_zero = torch.log1p(-log_probs.exp().clamp(max=1 - 1e-12))
    right = (log_probs > math.log(0.5)) == (labels > 0.5)
    nll = -torch.where(labels > 0.5, log_probs, of_zero).mean()
    return {"accuracy": right.double().mean().item(), "nll": nll.item()}


def mixture_metrics(moments: Float[Tensor, "N K 1 2"], labels: Float[Tensor, "N"]) -> dict[str, float]:
    """RMSE of the mean over hypotheses, and -1/N Σ ln (1/K Σ_k N(y_n; μ_nk, σ_nk²))."""
    mean, sd = moments.double().squeeze(2).unbind(-1)
    truth = labels.double()
    densities = Normal(mean, sd, validate_args=False).log_prob(truth[:, None])
    nll = -(torch.logsumexp(densities, 1) - math.log(mean.shape[1])).mean()
    return {"rmse": (mean.mean(1) - truth).square().mean().sqrt().item(), "nll": nll.item()}


def _rows(predictions: Distribution) -> Tensor:
    """What the metrics need of one chunk: averaged log-probabilities ``n C`` (masks: ``n H W C``), or the moments
    ``n K 1 2``."""
    if isinstance(predictions, Categorical):
        return predictions.logits.logsumexp(1) - math.log(predictions.logits.shape[1])
    if isinstance(predictions, Independent) and isinstance(predictions.base_dist, Categorical):
        return _rows(predictions.base_dist)
    if isinstance(predictions, Normal):
        return torch.stack([predictions.loc, predictions.scale], -1).unsqueeze(2)
    if isinstance(predictions, Independent) and isinstance(predictions.base_dist, Bernoulli):
        log_probs = torch.nn.functional.logsigmoid(predictions.base_dist.logits)
        return log_probs.logsumexp(1) - math.log(log_probs.shape[1])
    raise ValueError(
        "a run measures classes, several labels or amounts, and masks of classes, but the model predicts "
        f"{predictions!r}"
    )
