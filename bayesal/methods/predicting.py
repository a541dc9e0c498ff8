"""Methods that ask what labels would tell about predictions at targets, instead of about the model."""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from bayesal import acquisitions, selection
from bayesal.strategies import Beside, Pick, Strategy
from bayesal.strategies.either import ByTask, Either
from bayesal.strategies.gaussian import GrowMoments, GrowSamples, of_target_labels, of_target_variance
from bayesal.strategies.retrained import Retrained
from bayesal.types import Rule
from bayesal.views import FromPool, Given, Targeted, Targets

Numbers: TypeAlias = Tensor | np.ndarray | Sequence[float | int]


def epig(
    num_hypotheses: int = 100,
    num_targets: int = 100,
    targets: Any = None,
    target_weights: Numbers | None = None,
    class_prior: Numbers | None = None,
    rule: Rule = selection.top,
) -> Strategy[Any]:
    """The label tells most about the predictions at targets: mean_t I[y; y*_t | x, x*_t].

    ``targets``: inputs of the kind that will be predicted, by default the pool's own; ``num_targets`` of them are drawn
    in each round. ``target_weights``: how much each counts; ``class_prior``: or the shares of the classes there, if
    nothing else is known of the targets. ``rule``: for batches where many points tell the same,
    ``functools.partial(selection.power, coldness=1.0)``, or ``jepig``. For amounts the batch grows one point after the
    other, in closed form: by the belief's moments, or those of ``num_hypotheses`` functions.

    Tasks: classification, multilabel, regression. Needs: Posterior or Moments. Paper: Bickford Smith et al. 2023.
    """
    there = _targets(targets, target_weights, num_targets)
    weigh = None
    if class_prior is not None:
        weigh = partial(acquisitions.class_prior_weights, class_prior=torch.as_tensor(class_prior))
    one_by_one = Pick(Targeted(acquisitions.epig, there, num_hypotheses, weigh), rule)
    if weigh is not None or rule is not selection.top:
        return one_by_one
    sampled = ByTask(one_by_one, GrowSamples(of_target_labels, there, num_hypotheses))
    return Either(GrowMoments(of_target_labels, there), sampled)


def jepig(
    num_hypotheses: int = 100,
    num_targets: int = 20,
    num_configurations: int = 10_000,
    targets: Any = None,
) -> Strategy[Any]:
    """The labels of the batch tell most about all labels of the targets together: I[y_1, ..., y_B; y*_1, ..., y*_M].

    ``targets``: inputs of the kind that will be predicted, by default the pool's own; ``num_targets`` of them are drawn
    in each round. Too many of them identify the hypothesis, which is noted: then it is BatchBALD.

    Tasks: classification. Needs: Posterior. Paper: Kirsch et al. 2021.
    """
    rule = partial(selection.JEPIG, num_configurations=num_configurations)
    return Beside(_targets(targets, None, num_targets), rule, num_hypotheses)


def jepig_retrained(
    num_hypotheses: int = 100,
    num_targets: int = 1_000,
    num_configurations: int = 10_000,
    targets: Any = None,
    learner: Any = None,
) -> Strategy[Any]:
    """JEPIG where a second model, trained on the first one's predictions at the targets, says what is left to learn.

    ``learner``: the ready-made one (``Supervised``, ``Ensemble``) that made the belief; ``bayesal run`` gives its own.
    Costs one more training a round, and suits any number of targets.

    Tasks: classification. Needs: Posterior, its learner. Paper: Kirsch et al. 2021.
    """
    if learner is None:
        raise ValueError("jepig_retrained trains a second model in each round: give it the learner of the first")
    return Retrained(learner, _targets(targets, None, num_targets), num_hypotheses, num_configurations)


def alc(
    num_hypotheses: int = 100,
    num_targets: int = 100,
    targets: Any = None,
    target_weights: Numbers | None = None,
    noise: float | None = None,
) -> Strategy[Any]:
    """The labels lower the variance at the targets most: mean_t c² / (v + σ²).

    ``targets`` as in ``epig``. In closed form for a belief with moments, else from the moments of ``num_hypotheses``
    functions. ``noise``: the variance of a label around the function, by default what the belief says.

    Tasks: regression. Needs: Moments or Posterior. Paper: Cohn et al. 1996.
    """
    there = _targets(targets, target_weights, num_targets)
    sampled = GrowSamples(of_target_variance, there, num_hypotheses, noise)
    return Either(GrowMoments(of_target_variance, there, noise), sampled, noise)


def _targets(inputs: Any, weights: Numbers | None, number: int) -> Targets:
    if inputs is not None:
        return Given(inputs, weights, number)
    if weights is not None:
        raise ValueError("target_weights weigh targets that are given; for the pool's own give a class_prior")
    return FromPool(number)
