"""Gradients of a whole network as rows: the features of its empirical neural tangent kernel."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from bayesal.data.pool import Pool
from bayesal.numerics.gradient_sketch import GradientSketch
from bayesal.numerics.gradients import PointGradients
from bayesal.recipe import recipe
from bayesal.types import Differentiable, Inputs, Kernel, Look
from bayesal.views.exact_gradients import exact
from bayesal.views.networks import is_empty, networks_of, trained_state
from bayesal.views.outputs import Outputs, check_outputs, objectives


@dataclass(frozen=True, eq=False)
class GradientsLook:
    """Points in, rows out; ``kernel`` is what rows have in place of inner products, None for those."""

    rows: Callable[[Inputs], Float[Tensor, "N p"]]
    kernel: Kernel | None = None

    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N p"]:
        return self.rows(inputs)


@dataclass(frozen=True, repr=False)
class Gradients:
    """Rows are the gradients of the network's output in all its trained weights, sketched to ``sketch`` numbers.

    Their inner products are on average the empirical neural tangent kernel Σ_layers ⟨x̃, x̃'⟩⟨g, g'⟩ (Holzmüller et
    al., 2023): see ``GradientSketch``, whose matrices are drawn once, when the look is made. Of several networks the
    sketches, and so the kernels, are added. The output is the mean, in the labels' own units, of an amount. Of C
    outputs it is Σ_c f_c / √C for ``outputs="sum"``, f_c for a number c, and "each" adds the C kernels.

    ``sketch=None`` is exact: of chains of linear layers, rows hold every layer's inputs and gradients side by side, and
    the look's ``kernel`` is made of them; of other networks of up to 10,000 trained weights, rows are the gradients.

    Raises ValueError for a belief without a network that can be differentiated, for an output it does not have, and
    for exact gradients of a network too large for them.
    """

    sketch: int | None = 512
    outputs: Outputs = "sum"

    __repr__ = recipe

    def __post_init__(self) -> None:
        check_outputs(self.outputs)
        if self.sketch is not None and self.sketch < 1:
            raise ValueError(f"a sketch needs at least one dimension, but sketch is {self.sketch}")

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> GradientsLook:
        networks = networks_of(belief, "use LastLayerGradients")
        one = pool.gather(pool.ids[:1])
        if self.sketch is None:
            return GradientsLook(*exact(networks, one, self.outputs))
        parts = [Sketched.of(network, one, self.sketch, self.outputs, generator=generator) for network in networks]
        return GradientsLook(lambda inputs: torch.stack([part(inputs) for part in parts]).sum(0))


@dataclass(frozen=True, eq=False)
class Sketched:
    """The sketched gradients of one network; of several outputs each with signs of its own, so that they add up."""

    gradients: PointGradients
    sketch: GradientSketch
    signs: Float[Tensor, "C p"]
    outputs: Outputs

    @classmethod
    def of(
        cls, network: Differentiable, one: Inputs, dimension: int, outputs: Outputs, *, generator: Generator
    ) -> "Sketched":
        gradients = PointGradients(network.forward, trained_state(network))
        run = gradients(one)
        sketch = GradientSketch.draw(run.uses, gradients.state, gradients.names, dimension, generator=generator)
        signs = torch.ones(1, dimension)
        if len(objectives(outputs, run.outputs)) > 1:
            signs = 2.0 * torch.randint(2, (run.outputs.shape[1], dimension), generator=generator) - 1
        return cls(gradients, sketch, signs.to(run.outputs), outputs)

    def __call__(self, inputs: Inputs) -> Float[Tensor, "N p"]:
        if is_empty(inputs):
            return self.signs.new_empty(0, self.signs.shape[1])
        run = self.gradients(inputs)
        rows = torch.zeros_like(self.signs[:1])
        for objective, signs in zip(objectives(self.outputs, run.outputs), self.signs, strict=True):
            gradients = run.gradients(objective)
            with torch.no_grad():
                rows = rows + self.sketch(gradients).to(rows.device) * signs
        return rows


def jacobian_rows(network: Differentiable, output: Callable[[Tensor], Tensor]) -> Look:
    """A look whose rows are ∇ output(forward(x_n)) in all that is trained and has a part in the outputs, ``N P``.

    ``output`` maps outputs ``N C ...`` to one number a point, made of its own outputs alone.
    """
    gradients = PointGradients(network.forward, trained_state(network))

    def look(inputs: Inputs) -> Tensor:
        if is_empty(inputs):
            return torch.empty(0, sum(gradients.state[name].numel() for name in gradients.names))
        run = gradients(inputs)
        with torch.no_grad():
            return torch.cat(list(run.gradients(output).rows(gradients.names)), 1)

    return look
