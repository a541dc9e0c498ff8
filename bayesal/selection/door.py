"""What a rule is asked: a batch that fits in the rows, and scores that are numbers, one a row."""

import torch
from torch import Tensor

from bayesal.numerics.distance.screen import unit


def check_batch_size(batch_size: int, num_rows: int) -> None:
    """From 0 to the number of rows; else ValueError. A batch is never cut to fit."""
    if batch_size < 0:
        raise ValueError(f"batch_size must be at least 0, but it is {batch_size}")
    if batch_size > num_rows:
        raise ValueError(f"a batch of {batch_size} was asked for, but there are only {num_rows} rows; ask for fewer")


def check_scores(scores: Tensor, batch_size: int) -> None:
    """One number a row, none NaN, and a batch that fits; else ValueError."""
    if scores.ndim != 1:
        raise ValueError(
            f"this rule picks by one score a row, but the rows have the shape {tuple(scores.shape)}; "
            "score them first (for example with bald), or use a rule for such rows"
        )
    check_batch_size(batch_size, len(scores))
    nan = torch.isnan(scores)
    if nan.any():
        raise ValueError(f"the score of row {int(nan.nonzero()[0])} is NaN; a rule cannot rank what is not a number")


def check_features(rows: Tensor, given: Tensor) -> None:
    """Finite features ``N D``, and those given of the same kind; else ValueError."""
    for some, name in ((rows, "rows"), (given, "given rows")):
        if some.ndim != 2 or not some.is_floating_point() or some.shape[1:] != rows.shape[1:]:
            raise ValueError(
                f"this rule chooses by features of shape (N, D), but the {name} are {some.dtype} of shape "
                f"{tuple(some.shape)}; look at the pool through a view of features"
            )
        unit(some, name)
