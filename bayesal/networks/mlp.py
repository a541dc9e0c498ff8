"""The multi-layer perceptron."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn


class MLP(nn.Module):
    """Linear, ReLU, dropout for each hidden width, then a linear head: ``N ...`` to ``N outputs``.

    The input is flattened, so images and tables are taken alike; ``inputs`` counts the numbers in one point.
    Outputs are raw: logits for classes, (mean, raw scale) for ``likelihoods.gaussian``.
    """

    def __init__(self, inputs: int, outputs: int, *, hidden: Sequence[int] = (128, 128), dropout: float = 0.1) -> None:
        super().__init__()
        self.inputs = inputs
        layers: list[nn.Module] = []
        width = inputs
        for next_width in hidden:
            layers += [nn.Linear(width, next_width), nn.ReLU(), nn.Dropout(dropout)]
            width = next_width
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(width, outputs)

    def forward(self, points: Float[Tensor, "N ..."]) -> Float[Tensor, "N C"]:
        if points.shape[1:].numel() != self.inputs:
            raise ValueError(
                f"this MLP takes {self.inputs} numbers a point, but the points have shape {tuple(points.shape[1:])}"
            )
        return self.head(self.body(points.reshape(points.shape[0], self.inputs)))
