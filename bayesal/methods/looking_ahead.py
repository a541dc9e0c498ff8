"""Methods that look ahead at what a label would change."""

from typing import Any

from bayesal.strategies import LookingAhead, Strategy
from bayesal.views import Linearised


def mlmoc(
    subset: int = 4000,
    kernel: str | int = "sum",
    outputs: str = "probabilities",
    labels: str = "likely",
    objective: str = "change",
    regularisation: float = 1e-5,
    hypothetical: bool = False,
    sketch: int | None = None,
) -> Strategy[Any]:
    """Retrained with its likely label, the network would predict most else: Σ_x ‖f⁺(x) - f(x)‖, by its tangent kernel.

    On ``subset`` points drawn in each round; memory is 16 ``subset``² bytes and more. ``kernel`` of the network's
    outputs: "sum", the number of one, or "exact" for small problems. ``outputs``: the "probabilities" of a classifier
    are compared with one-hot labels; "raw" outputs of one that was trained with squared loss, as in the paper.
    ``labels``: "likely", or "expected" over all (EMOC). ``objective``: "change", or "agreement", the number of guesses
    that change. ``regularisation``: relative to the kernel's mean diagonal. ``hypothetical``: points are picked one
    after the other, each label taken for the likely one. ``sketch``: gradients are sketched to so many numbers, for
    networks of very many weights.

    Tasks: classification. Needs: Differentiable. Paper: Mohamadi et al. 2022.
    """
    return LookingAhead(Linearised(kernel, outputs, regularisation, sketch), subset, labels, objective, hypothetical)
