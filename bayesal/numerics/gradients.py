"""Gradients of a whole network at many points, each point's by itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import tree_map

from bayesal.numerics.autodiff import (
    Forward,
    Objective,
    as_tensors,
    check_alone,
    check_outputs,
    gradients_by_point,
    tolerance,
    trained,
)
from bayesal.numerics.layers import Use, recording
from bayesal.numerics.weight_gradients import Gradients
from bayesal.types import Inputs


class PointGradients:
    """∇ objective(forward(state, x_n)) of every point by itself, in the entries of ``state`` that require a gradient.

    One call of ``forward`` for many points, in which layers are recorded, and one backward pass for every objective.
    What the layers do not explain is differentiated point by point, and so is everything whose parameters are used in
    another way too: on the first points, what follows from the layers is compared with what autograd says of all of
    them and of one alone.
    """

    def __init__(self, forward: Forward, state: Mapping[str, Tensor]) -> None:
        self.forward = forward
        self.state = dict(state)
        self.names = trained(state)
        self._explained: dict[tuple, tuple[set[str], set[str]]] = {}

    def __call__(self, inputs: Inputs) -> "Pass":
        """A pass over one point or more.

        Raises ValueError for inputs that are not tensors, for outputs that are not finite or do not depend on the
        state, and where a point alone gives something else than among others.
        """
        inputs = as_tensors(inputs)
        with torch.enable_grad(), recording(self.state) as uses:
            outputs = self.forward(self.state, inputs)
        check_outputs(outputs)
        fitting = [use for use in uses if use.output.shape[:1] == use.given.shape[:1] == outputs.shape[:1]]
        return Pass(self, inputs, outputs, fitting)

    def explained(self, run: "Pass") -> tuple[set[str], set[str]]:
        """Names of the parameters that the layers recorded explain, and of those that have no part in the outputs."""
        key = tuple((type(use.layer), use.weight, use.bias) for use in run.uses)
        if key not in self._explained:
            self._explained[key] = self._checked(run)
        return self._explained[key]

    def _checked(self, run: "Pass") -> tuple[set[str], set[str]]:
        claimed, unused = run.from_layers(_some_sum, set(self.names)), set(self.names)
        for name, uses in list(claimed.products.items()):
            if len({use.groups for use, _ in uses}) > 1:  # one weight, cut into blocks in two ways
                del claimed.products[name]
        norms = claimed.squared_norms()
        right = set(norms)
        one = int(torch.stack(list(norms.values())).sum(0).argmax()) if norms else 0
        for points in (slice(one, one + 1), slice(0, run.count)):
            with torch.enable_grad():
                outputs = self.forward(self.state, tree_map(lambda part, points=points: part[points], run.inputs))
                check_alone(outputs, run.outputs[points])
                leaves = [self.state[name] for name in self.names]
                exact = torch.autograd.grad(_some_sum(outputs).sum(), leaves, allow_unused=True)
            for name, gradient in zip(self.names, exact, strict=True):
                if gradient is None:
                    continue
                unused.discard(name)
                if name in right:
                    scale = norms[name][points].sqrt().sum() + gradient.norm()
                    if (claimed.total(name, points) - gradient.flatten()).norm() > tolerance(gradient) * scale:
                        right.remove(name)
        return right - unused, unused


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass over N points: ``outputs`` are ``N C ...``, with their graph; ``uses`` the layers recorded."""

    of: PointGradients
    inputs: Inputs
    outputs: Float[Tensor, "N C ..."]
    uses: list[Use]

    @property
    def count(self) -> int:
        return len(self.outputs)

    def gradients(self, objective: Objective) -> Gradients:
        """Those of ``objective(outputs)``, one number a point that is made of its own outputs alone."""
        explained, unused = self.of.explained(self)
        found = self.from_layers(objective, explained)
        rest = [name for name in self.of.names if name not in explained | unused]
        if rest:
            found.written.update(gradients_by_point(self.of.forward, self.of.state, self.inputs, objective, rest))
        return found

    def from_layers(self, objective: Objective, names: set[str]) -> Gradients:
        """What the layers recorded say of these parameters."""
        if not self.uses:
            return Gradients(self.count, {}, {})
        with torch.enable_grad():
            value = objective(self.outputs).sum()
        outputs = [use.output for use in self.uses]
        deltas = torch.autograd.grad(value, outputs, retain_graph=True, materialize_grads=True)
        return Gradients.of_layers(self.uses, deltas, names, self.count)


def _some_sum(outputs: Tensor) -> Tensor:
    """One number a point in which every output has another part."""
    flat = outputs.flatten(1)
    return flat @ torch.linspace(1, 2, flat.shape[1]).to(flat)
