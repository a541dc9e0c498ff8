"""Batches whose weighted losses imitate those of the whole pool."""

from functools import partial
from typing import Any

from bayesal import selection
from bayesal.representations import log_likelihood_signatures, loss_signatures
from bayesal.strategies import Imitate, Strategy
from bayesal.views import GradientSignatures, LastLayer, Predictive


def sparse_approximation(
    num_hypotheses: int = 100,
    signature: str = "losses",
    alpha: float = 1.0,
    beta: float = 0.1,
    solver: str = "refit",
    trust: float = 0.5,
) -> Strategy[Any]:
    """A few weighted points have the losses of the whole pool, and labels that are uncertain.

    ``signature``: "losses", a point's expected loss under ``num_hypotheses`` functions, or "gradients" of the last
    layer, for classes, under labels that follow the best guess with the share ``trust`` and the model else. ``alpha``:
    how much uncertainty counts; ``beta``: how near weights stay to 1; both in units of scaled signatures, since the
    paper's are not known. ``solver``: "refit", "greedy" or "iht".

    Tasks: any. Needs: Posterior. Paper: Shen et al. 2022.
    """
    rule = selection.SparseApproximation(alpha, beta, solver)
    if signature == "losses":
        return Imitate(Predictive(loss_signatures, num_hypotheses), rule)
    if signature == "gradients":
        return Imitate(GradientSignatures(trust, LastLayer(num_hypotheses)), rule)
    raise ValueError(f"a signature is of losses or gradients, but it is {signature!r}")


def acs_fw(num_hypotheses: int = 100, entropy_weight: float = 1.0, fill: str = "continue") -> Strategy[Any]:
    """A few weighted points have the log-likelihood of the whole pool, stepped to by Frank-Wolfe.

    ``num_hypotheses`` functions show the log-likelihoods, and give the labels' distribution. ``entropy_weight``: of the
    labels' entropy; 0.7 in the paper's scripts. ``fill``: steps that come back to a point "continue", at most 10 a
    point of the batch, or points are "exclude"d.

    Tasks: any. Needs: Posterior. Paper: Pinsler et al. 2019.
    """
    rows = partial(log_likelihood_signatures, entropy_weight=entropy_weight)
    return Imitate(Predictive(rows, num_hypotheses), selection.ACSFrankWolfe(fill))
