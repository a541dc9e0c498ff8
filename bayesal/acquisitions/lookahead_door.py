"""What looking ahead is given: blocks of one kernel, outputs and labels that fit together."""

import math
from collections.abc import Sequence

from torch import Tensor


def checked(
    labelled_kernel: Tensor,
    cross_kernel: Tensor,
    kernel: Tensor,
    labelled_outputs: Tensor,
    labels: Tensor,
    outputs: Tensor,
    *regularisations: float | int,
) -> list[Tensor]:
    """All in float64. Raises ValueError for shapes that do not fit, NaN and infinities, and regularisations below 0."""
    known, unknown = len(labelled_kernel), len(kernel)
    classes = outputs.shape[1:]
    given = {
        "labelled_kernel": (labelled_kernel, (known, known)),
        "cross_kernel": (cross_kernel, (known, unknown)),
        "kernel": (kernel, (unknown, unknown)),
        "labelled_outputs": (labelled_outputs, (known, *classes)),
        "labels": (labels, (known, *classes)),
        "outputs": (outputs, (unknown, *classes)),
    }
    for name, (block, shape) in given.items():
        if tuple(block.shape) != shape or len(classes) != 1:
            raise ValueError(
                f"for {known} labelled points and {unknown} others with outputs (U, C), {name} must have the shape "
                f"{shape}, but has {tuple(block.shape)}"
            )
        if not bool(block.isfinite().all()):
            raise ValueError(
                f"{name} must be finite numbers, but holds NaN or an infinity; check the network's outputs"
            )
    for value in regularisations:
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"a regularisation must be a number of at least 0, but it is {value}")
    return [block.detach().double() for block, _ in given.values()]


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """One of these; else ValueError."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, but it is {value!r}")
