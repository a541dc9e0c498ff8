"""Rows of log-probabilities at the door of a rule: what they must be, and what they become."""

import torch
from jaxtyping import Float
from torch import Tensor

ELEMENTS = 2**19  # numbers looked at together: 2 MiB of float32 stay in the cache
TOLERANCE = 1e-3  # of a sum of probabilities; half precision is allowed four of its roundings if that is more


def check_log_probabilities(rows: Tensor, name: str) -> None:
    """Floats ``N K C`` whose exponentials sum to 1 over the classes; else ValueError. ``name``: the rule's."""
    if rows.ndim != 3 or not rows.is_floating_point() or 0 in rows.shape[1:]:
        raise ValueError(
            f"{name} chooses among log-probabilities of shape (N, K, C), but these rows are "
            f"{rows.dtype} of shape {tuple(rows.shape)}; look at the pool through views.Predictions"
        )
    tolerance = max(TOLERANCE, 4 * torch.finfo(rows.dtype).eps)
    for some in rows.detach().split(max(1, ELEMENTS // rows.shape[1:].numel())):
        sums = some.to(torch.promote_types(some.dtype, torch.float32)).exp().sum(2)
        if not bool(((sums - 1).abs() <= tolerance).all()):
            seen = "hold NaN" if bool(some.isnan().any()) else f"have exponentials that sum to {_worst(sums):.4g}"
            raise ValueError(
                f"{name} needs log-probabilities whose exponentials sum to 1 over the classes, but some {seen}; "
                "use log_softmax on logits, or log on probabilities"
            )


def log_probabilities(rows: Float[Tensor, "n K C"]) -> Float[Tensor, "n K C"]:
    """At least float32; half precision is normalised again, since its rounding alone moves sums by a percent."""
    if rows.dtype in (torch.float32, torch.float64):
        return rows
    return rows.float().log_softmax(2)


def _worst(sums: Tensor) -> float:
    return float(sums.flatten()[(sums - 1).abs().argmax()])
