"""Methods for amounts, for outcomes of treatments, and for what is labelled already."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from bayesal import acquisitions, selection
from bayesal.strategies import Pick, Strategy
from bayesal.strategies.either import Either
from bayesal.strategies.rho import Holdout, ReducibleLoss
from bayesal.types import Labels, Rule
from bayesal.views import MomentScore, Predictive, moments
from bayesal.views.causal import Causal, Propensity


def variance(num_hypotheses: int = 100) -> Strategy[Any]:
    """The predicted number varies most (ALM).

    In closed form for a belief with moments, else over ``num_hypotheses`` functions.

    Tasks: regression. Needs: Moments or Posterior. Paper: MacKay 1992.
    """
    return Either(
        Pick(MomentScore(moments.variance), selection.top),
        Pick(Predictive(acquisitions.variance, num_hypotheses), selection.top),
    )


def rho_loss(
    num_hypotheses: int = 100,
    answers: Labels | None = None,
    learner: Any = None,
    validation: tuple[Tensor, Tensor] | None = None,
) -> Strategy[Any]:
    """From labelled points, those the model loses most on beyond what a model of other data loses.

    For choosing what to train on, not what to label: it looks at ``answers``, the labels of the points to choose from.
    The other model is trained once by ``learner`` on the ``validation`` points. ``bayesal run`` knows all three, so its
    curve is one that no method can have which must ask.

    Tasks: classification, regression. Needs: Posterior, all labels. Paper: Mindermann et al. 2022.
    """
    if answers is None or learner is None or validation is None:
        raise ValueError(
            "rho_loss needs the labels of the points to choose from (answers), and a learner with labelled points of "
            "its own (validation) for the model it compares with; in a run: --validation 200"
        )
    return ReducibleLoss(answers, Holdout(learner, *validation), num_hypotheses)


def mu_bald(num_hypotheses: int = 100, temperature: float = 1.0, treatment: int | None = None) -> Strategy[Any]:
    """The outcome under the treatment that was given varies most.

    The pool is a table with a column of two values that says who was treated: number ``treatment``, by default the only
    one. Batches are drawn in proportion to exp(score / ``temperature``).

    Tasks: regression. Needs: Posterior, a treatment column. Paper: Jesson et al. 2021.
    """
    return _causal(acquisitions.mu_bald, num_hypotheses, temperature, treatment)


def tau_bald(num_hypotheses: int = 100, temperature: float = 1.0, treatment: int | None = None) -> Strategy[Any]:
    """The effect of the treatment varies most.

    The settings are those of ``mu_bald``.

    Tasks: regression. Needs: Posterior, a treatment column. Paper: Jesson et al. 2021.
    """
    return _causal(acquisitions.tau_bald, num_hypotheses, temperature, treatment)


def rho_bald(num_hypotheses: int = 100, temperature: float = 1.0, treatment: int | None = None) -> Strategy[Any]:
    """The effect of the treatment varies most beside what cannot be observed, the other outcome.

    The settings are those of ``mu_bald``.

    Tasks: regression. Needs: Posterior, a treatment column. Paper: Jesson et al. 2021.
    """
    return _causal(acquisitions.rho_bald, num_hypotheses, temperature, treatment)


def mu_rho_bald(num_hypotheses: int = 100, temperature: float = 1.0, treatment: int | None = None) -> Strategy[Any]:
    """The observed outcome varies, and the effect varies more than the outcome that cannot be observed.

    The settings are those of ``mu_bald``.

    Tasks: regression. Needs: Posterior, a treatment column. Paper: Jesson et al. 2021.
    """
    return _causal(acquisitions.mu_rho_bald, num_hypotheses, temperature, treatment)


def propensity(temperature: float = 1.0, treatment: int | None = None) -> Strategy[Any]:
    """The treatment that was given is the less usual one for such a point: ln P(the other | x).

    The settings are those of ``mu_bald``.

    Tasks: regression. Needs: a treatment column. Paper: Jesson et al. 2021.
    """
    return Pick(Propensity(treatment), _drawn(temperature))


def _causal(
    score: Callable[[Tensor, Tensor, Tensor], Tensor], num_hypotheses: int, temperature: float, treatment: int | None
) -> Strategy[Any]:
    return Pick(Causal(score, treatment, num_hypotheses), _drawn(temperature))


def _drawn(temperature: float) -> Rule:
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, but it is {temperature}; a low one, as 0.01, is close to top")
    return partial(selection.softmax, coldness=1 / temperature)
