"""Methods that score points one by one by the norms of their gradients."""

from typing import Any

from bayesal import selection
from bayesal.strategies import Pick, Strategy
from bayesal.views import GradNorm


def gradnorm_expected(parameters: str = "all", reduction: str = "sum_of_norms") -> Strategy[Any]:
    """The expected loss has the longest gradient: ‖∇ Σ_c p_c CE_c‖, which is ``gradnorm_entropy`` under another name.

    ``parameters``: "all", or those of the "last" layer, which is cheap. ``reduction``: "sum_of_norms" over the tensors
    of weights, or the "global_norm".

    Tasks: classification, dense. Needs: Differentiable. Paper: Wang et al. 2022.
    """
    return Pick(GradNorm("expected", parameters, reduction), selection.top)


def gradnorm_entropy(parameters: str = "all", reduction: str = "sum_of_norms") -> Strategy[Any]:
    """The entropy of the label has the longest gradient: ‖∇H[y | x]‖.

    It is 0 for points that are certain, and for those where all classes are equally likely. The settings are those of
    ``gradnorm_expected``.

    Tasks: classification, dense. Needs: Differentiable. Paper: Wang et al. 2022.
    """
    return Pick(GradNorm("entropy", parameters, reduction), selection.top)


def egl(parameters: str = "all", reduction: str = "global_norm") -> Strategy[Any]:
    """The gradient is longest on average over what the label might be: Σ_c p_c ‖∇CE_c‖.

    One backward pass a class. The settings are those of ``gradnorm_expected``.

    Tasks: classification. Needs: Differentiable. Paper: Settles and Craven 2008.
    """
    return Pick(GradNorm("egl", parameters, reduction), selection.top)


def fisher_trace(parameters: str = "all") -> Strategy[Any]:
    """The label carries most Fisher information about the weights: Σ_c p_c ‖∇CE_c‖².

    One backward pass a class. The settings are those of ``gradnorm_expected``.

    Tasks: classification. Needs: Differentiable. Paper: Settles and Craven 2008; Ash et al. 2021.
    """
    return Pick(GradNorm("fisher_trace", parameters), selection.top)
