"""The multi-layer perceptron in NTK parametrisation."""

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class NTKMLP(nn.Module):
    """z_{l+1} = σ_w/√d_l · W_l a_l + σ_b · b_l with a_l = relu(z_l), ``N ...`` to ``N outputs`` (Jacot et al., 2018).

    Every W starts as N(0, 1) and every b as 0: how far a layer's output moves in a step does not depend on its width.
    A layer is ``Widened``, which gives x̃_l = (σ_w/√d_l · a_l, σ_b), then a plain ``nn.Linear`` without bias, whose
    last column is b_l. So the inputs of the linear layers, recorded, are the x̃_l of the gradient kernel
    Σ_l ⟨x̃_l, x̃_l'⟩⟨g_l, g_l'⟩ (Holzmüller, Zaverkin, Kästner and Steinwart, 2023), whose widths and gains are the
    defaults; they train by Adam with the learning rate 0.375.
    The input is flattened; ``inputs`` counts the numbers in one point, which should be around 1. Raises ValueError
    for points of another size and for gains that are negative or no numbers.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        hidden: Sequence[int] = (512, 512),
        weight_gain: float | int = 0.2,
        bias_gain: float | int = 0.2,
    ) -> None:
        super().__init__()
        for name, gain in {"weight_gain": weight_gain, "bias_gain": bias_gain}.items():
            if not 0 <= gain < math.inf:
                raise ValueError(f"{name} must be a number of at least 0, but it is {gain}")
        self.inputs = inputs
        layers: list[nn.Module] = []
        width = inputs
        for next_width in (*hidden, outputs):
            linear = nn.Linear(width + 1, next_width, bias=False)
            nn.init.normal_(linear.weight[:, :-1])
            nn.init.zeros_(linear.weight[:, -1:])
            layers += [Widened(weight_gain / math.sqrt(width), bias_gain), linear, nn.ReLU()]
            width = next_width
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, points: Float[Tensor, "N ..."]) -> Float[Tensor, "N C"]:
        if points.shape[1:].numel() != self.inputs:
            raise ValueError(
                f"this NTKMLP takes {self.inputs} numbers a point, but the points have shape {tuple(points.shape[1:])}"
            )
        return self.layers(points.reshape(points.shape[0], self.inputs))


class Widened(nn.Module):
    """a ↦ (scale · a, constant): ``N D`` to ``N D+1``."""

    def __init__(self, scale: float | int, constant: float | int) -> None:
        super().__init__()
        self.scale, self.constant = scale, constant

    def forward(self, points: Float[Tensor, "N D"]) -> Float[Tensor, "N E"]:
        return F.pad(points * self.scale, (0, 1), value=self.constant)

    def extra_repr(self) -> str:
        return f"scale={self.scale:.3g}, constant={self.constant:.3g}"
