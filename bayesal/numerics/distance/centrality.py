"""How far rows are from all of them: which is the most central."""

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.numerics.distance.features import Features
from bayesal.numerics.distance.measured import Measured
from bayesal.numerics.linalg import blocks

SAMPLE = 1024  # rows that stand for all of them where there is no mean to compare with


def mean_squared_distance(rows: Measured) -> Float[Tensor, "N"]:
    """(1/N) Σ_j ‖x_n - x_j‖² of every row, in float64: ‖x_n - mean‖² and what is the same for all.

    Exact for features; for products of rows and rows of a kernel over at most 1,024 of them, evenly spaced.
    """
    result = rows.own.new_empty(len(rows), dtype=torch.float64)
    if isinstance(rows, Features):
        features = rows.parts[0]
        mean = features.sum(0, dtype=torch.float64) / max(1, len(rows))
        for some in blocks(len(rows), rows.width):
            result[some] = (features[some].double() - mean).square().sum(1)
        return result + result.mean()
    sample = rows.of_parts(tuple(part[:: -(-len(rows) // SAMPLE) or 1] for part in rows.parts))
    for some in blocks(len(rows), max(rows.width, len(sample))):
        result[some] = rows.screened(some, sample).double().mean(1)
    return (result + rows.own) * rows.scale**2
