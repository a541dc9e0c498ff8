"""The Laplace approximation of the last layer: a Gaussian belief around the most probable head."""

from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import BinaryCrossEntropy, CrossEntropy, SquaredLoss
from bayesal.posteriors.last_layers.conjugate import Conjugate
from bayesal.posteriors.last_layers.curvature import Diagonal, Full, Kronecker, Structure
from bayesal.posteriors.last_layers.evidence import check_positive, laplace_evidence, linear_evidence, tuned
from bayesal.posteriors.last_layers.gaussian_head import GaussianHead, GaussianHeadOfAmounts
from bayesal.posteriors.last_layers.head import Head
from bayesal.posteriors.last_layers.laplace_classes import ClassBelief, check_stationary
from bayesal.posteriors.last_layers.trained_noise import dropout_noise

STRUCTURES: dict[str, Structure] = {"full": Full.of, "kronecker": Kronecker.of, "diagonal": Diagonal.of}
EVIDENCES = ("bound", "laplace")
BOUND_DRAWS = 32  # heads that the bound of the evidence is averaged over
AFFORDABLE = 2_500  # weights that meet: "auto" takes all their covariances up to so many, which takes a second


class LastLayerLaplace(GaussianHead):
    """W ~ N(W_MAP, (H + Δ I)⁻¹) for the last linear layer of a trained network (MacKay, 1992; Daxberger et al., 2021).

    H is the Gauss-Newton matrix of the summed loss on the labelled points. The layer is linear, so a drawn head is the
    linearised and the plain Laplace approximation at once, and a function of all points: the samples "glm" of
    laplace-torch, which share one noise over all points, are not. ``fit`` learns it; the parts are those of
    ``GaussianHead``.
    """

    @classmethod
    def fit(
        cls,
        network: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        targets: Shaped[Tensor, "L ..."],
        *,
        loss: Any,
        generator: Generator,
        structure: str = "auto",
        precision: float | None = None,
        noise: float | None = None,
        refine: bool = False,
        evidence: str = "bound",
    ) -> "LastLayerLaplace":
        """Around the head of a network trained with ``CrossEntropy``, ``BinaryCrossEntropy`` or ``SquaredLoss``.

        ``structure``: "full" covariances of all weights (of each label's own weights, for several labels a point),
        "kronecker" (Ritter et al., 2018), "diagonal"; "auto" is full up to 2,500 weights, then Kronecker.
        ``precision``: Δ of the prior N(0, I / Δ) of the head, with its bias, and ``noise``: the variance of an amount
        around the function in its own units. What is not given maximises the ``evidence``, log Δ in [-4, 6]: for
        classes the "bound" E[log p(labels | W)] - KL of this very belief, or the "laplace" approximation, which takes
        the Gaussian to be the truth and, with a few hundred labels, priors so wide that predictions are lost in the
        width (digits, 200 labels: negative log-likelihood 1.3 instead of 0.4). For amounts both are one, and the
        noise is at least what is left with the network's dropout on (see ``dropout_noise``).
        ``refine``: move the head to the most probable one under loss and prior, on the features as they are. By default
        it stays as trained, which predicts better, for the features were trained with it; there is a warning if the
        most probable head is so far off that the approximation does not hold.
        Without any point the belief is the prior. Raises ValueError for other losses, settings that are not positive,
        and for a full covariance of more than 10,000 weights.
        """
        check_positive(precision=precision, noise=noise)
        if structure != "auto" and structure not in STRUCTURES:
            raise ValueError(f"structure must be auto, {', '.join(STRUCTURES)}, but it is {structure!r}")
        if evidence not in EVIDENCES:
            raise ValueError(f"evidence must be {' or '.join(EVIDENCES)}, but it is {evidence!r}")
        head, trained = Head.split(network, inputs)
        rows, _ = head.rows(inputs)
        if not isinstance(loss, SquaredLoss | CrossEntropy | BinaryCrossEntropy):
            raise ValueError(
                "the Laplace approximation takes networks trained with CrossEntropy, BinaryCrossEntropy or SquaredLoss "
                f"(one output an amount), but the loss is {type(loss).__name__}"
            )
        meet = trained.numel() if isinstance(loss, CrossEntropy) else trained.shape[1]
        chosen = structure if structure != "auto" else "full" if meet <= AFFORDABLE else "kronecker"
        start = trained if len(rows) else torch.zeros_like(trained)
        if isinstance(loss, SquaredLoss):
            standard = (targets.to(rows) - loss.shift) / loss.scale
            variance = None if noise is None else noise / loss.scale**2
            least = dropout_noise(network, inputs, targets, loss=loss, generator=generator)
            return _of_amounts(
                head, start, rows, standard, loss, STRUCTURES[chosen], precision, variance, least, refine
            )
        shown = targets.to(rows.device, rows.dtype if targets.is_floating_point() else targets.dtype)
        noise_of_bound = torch.randn(BOUND_DRAWS, *start.shape, generator=generator, dtype=torch.float64).to(rows)
        belief = ClassBelief(rows, shown, loss, STRUCTURES[chosen], noise_of_bound, refine)
        precision = precision or belief.best_precision(start, laplace=evidence == "laplace")
        weights, root = belief.at(precision, start)
        if not refine:
            check_stationary(weights, rows, shown, loss, precision, root)
        return cls(head, weights, root, loss.likelihood)


class LastLayerLaplaceOfAmounts(GaussianHeadOfAmounts, LastLayerLaplace):
    """The same for one amount a point, with its moments."""


def _of_amounts(
    head: Head,
    start: Float[Tensor, "1 D"],
    rows: Float[Tensor, "L D"],
    targets: Float[Tensor, "L"],
    loss: SquaredLoss,
    structure: Structure,
    precision: float | None,
    variance: float | None,
    least: float,
    refine: bool,
) -> LastLayerLaplaceOfAmounts:
    if len(rows):
        evidence = linear_evidence(rows, targets) if refine else laplace_evidence(rows, targets, start[0])
        precision, variance = tuned(evidence, precision=precision, noise=variance, least_noise=least)
    else:
        precision, variance = precision or 1.0, variance or 1.0
    if refine:
        start = Conjugate.fit(rows, targets[:, None], torch.full_like(targets[:, None], variance), precision).means
    root = structure(rows, torch.full_like(rows[:, :1], 1 / variance), precision)
    if not refine:
        check_stationary(start, rows, targets, SquaredLoss(variance=variance), precision, root)
    return LastLayerLaplaceOfAmounts(head, start, root, variance=variance, shift=loss.shift, scale=loss.scale)
