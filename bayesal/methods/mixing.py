"""Methods that mix the features of points."""

from typing import Any

from bayesal.strategies import FeatureMixing, Strategy


def alfamix(cap: float = 0.2, steps: int = 0) -> Strategy[Any]:
    """Predictions change when features are mixed a little with those of a class; k-means chooses among such points.

    ``cap``: how much at first, in shares of the distance to the mean labelled features of a class, divided by √D; it
    grows until enough predictions change. ``steps``: of Adam to find the mix (the paper's 5), or 0 for its closed form.

    Tasks: classification. Needs: Differentiable. Paper: Parvaneh et al. 2022.
    """
    return FeatureMixing(cap, steps)
