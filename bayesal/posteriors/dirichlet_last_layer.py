"""A Bayesian last layer for classes: linear regression on the logarithms of Dirichlet-distributed probabilities."""

import math
from typing import Any

from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import CrossEntropy
from bayesal.likelihoods import categorical
from bayesal.posteriors.last_layers.conjugate import Conjugate, Roots
from bayesal.posteriors.last_layers.evidence import check_positive, peak
from bayesal.posteriors.last_layers.gaussian_head import GaussianHead
from bayesal.posteriors.last_layers.head import Head
from bayesal.types import Inputs


class DirichletLastLayer(GaussianHead):
    """Classes as C regressions with known noise (Milios et al., 2018), on features that stay as they are.

    A label c is an observation of Gamma variables with α = α_ε, + 1 for the class itself: of log α - s²/2 with the
    noise s² = log(1 + 1/α) in each of C linear functions, whose softmax are the probabilities. So the belief is
    Gaussian and ``condition_on`` is exact, an update of the rank of what is new. Targets are centred over classes,
    which no softmax sees, so that before any label all classes are equally probable.
    """

    def __init__(self, head: Head, belief: Conjugate, *, alpha: float = 0.01) -> None:
        super().__init__(head, belief.means, Roots(belief.roots), categorical)
        self.belief = belief
        self.alpha = alpha

    @classmethod
    def fit(
        cls,
        network: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        targets: Shaped[Tensor, "L"],
        *,
        loss: Any,
        generator: Generator,
        precision: float | None = None,
        alpha: float = 0.01,
    ) -> "DirichletLastLayer":
        """On what a network trained with ``CrossEntropy`` computes before its last linear layer, which is dropped.

        ``precision``: of the prior N(0, I / Δ) of each function's weights; if it is not given it maximises the
        evidence. Raises ValueError for another loss.
        """
        if not isinstance(loss, CrossEntropy):
            raise ValueError(
                f"the last layer of classes takes networks trained with CrossEntropy, not {type(loss).__name__}; "
                "for amounts use BayesianLastLayer, for several labels a point LastLayerLaplace"
            )
        head, weights = Head.split(network, inputs)
        return cls._of(head, inputs, targets, len(weights), precision, alpha)

    @classmethod
    def on(
        cls,
        features: nn.Module,
        inputs: Shaped[Tensor, "L ..."],
        labels: Shaped[Tensor, "L"],
        *,
        num_classes: int,
        precision: float | None = None,
        alpha: float = 0.01,
        bias: bool = True,
    ) -> "DirichletLastLayer":
        """On the flattened outputs of any module that stays as it is, ``nn.Identity()`` for the points themselves."""
        return cls._of(Head.on(features, inputs, bias=bias), inputs, labels, num_classes, precision, alpha)

    @classmethod
    def _of(
        cls, head: Head, inputs: Tensor, labels: Tensor, num_classes: int, precision: float | None, alpha: float
    ) -> "DirichletLastLayer":
        check_positive(precision=precision, alpha=alpha)
        rows, _ = head.rows(inputs)
        targets, noise = dirichlet_targets(labels, num_classes, alpha)
        targets, noise = targets.to(rows), noise.to(rows)
        if precision is None and len(rows):
            precision = math.exp(
                peak(lambda log_precision: Conjugate.fit(rows, targets, noise, math.exp(log_precision)).log_evidence)
            )
        return cls(head, Conjugate.fit(rows, targets, noise, precision or 1.0), alpha=alpha)

    def condition_on(self, inputs: Inputs, labels: Shaped[Tensor, "B"]) -> "DirichletLastLayer":
        """The belief after these labels too: to the last digits what it is when told all labels at once."""
        rows, _ = self.head.rows(inputs)
        targets, noise = dirichlet_targets(labels, len(self.weights), self.alpha)
        if len(targets) != len(rows):
            raise ValueError(f"every point needs one label, but there are {len(rows)} points and {len(targets)} labels")
        return DirichletLastLayer(
            self.head, self.belief.condition_on(rows, targets.to(rows), noise.to(rows)), alpha=self.alpha
        )


def dirichlet_targets(
    labels: Shaped[Tensor, "L"], num_classes: int, alpha: float
) -> tuple[Float[Tensor, "L C"], Float[Tensor, "L C"]]:
    """What a label says of each class's function, less the mean over classes, and the variance of its noise.

    Raises ValueError for labels that are none of the classes 0 ... C - 1.
    """
    whole = CrossEntropy().prepare(labels.cpu(), num_classes)
    one_hot = nn.functional.one_hot(whole, num_classes).double()
    concentration = one_hot + alpha
    noise = (1 + 1 / concentration).log()
    targets = concentration.log() - noise / 2
    return targets - targets.mean(dim=1, keepdim=True), noise
