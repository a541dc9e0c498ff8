"""Methods that ask for the points closest to where the network changes its mind."""

from typing import Any

from bayesal import selection
from bayesal.strategies.contract import Strategy
from bayesal.strategies.margins import SmallestMargin
from bayesal.views.adversarial import AdversarialMargin


def adversarial_deepfool(overshoot: float | int = 0.02, max_steps: int = 50, standardise: bool = True) -> Strategy[Any]:
    """The smallest perturbation that changes the network's label, by DeepFool, is shortest.

    Each step goes to the nearest boundary of the network's linearisation; scores are minus squared lengths.
    ``standardise``: of inputs in standard deviations of the pool's. Points whose label does not change within
    ``max_steps`` come last.

    Tasks: classification. Needs: Differentiable. Paper: Ducoffe and Precioso 2018; Moosavi-Dezfooli et al. 2016.
    """
    view = AdversarialMargin("deepfool", overshoot=overshoot, max_steps=max_steps, standardise=standardise)
    return SmallestMargin(view, selection.top)


def adversarial_bim(step: float | int = 0.05, max_steps: int = 50, standardise: bool = True) -> Strategy[Any]:
    """The perturbation that changes the network's label, by the basic iterative method, is shortest.

    Each step adds ``step`` times the sign of the loss's gradient. The other settings are those of
    ``adversarial_deepfool``.

    Tasks: classification. Needs: Differentiable. Paper: Kurakin et al. 2017; Zhan et al. 2022.
    """
    view = AdversarialMargin("bim", step=step, max_steps=max_steps, standardise=standardise)
    return SmallestMargin(view, selection.top)
