"""Gradients of whole networks at many points, without writing a gradient in every weight down at every point."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import tree_map

from bayesal.numerics.autodiff import Forward, Objective, as_tensors, gradients_by_point, trained
from bayesal.numerics.layers import Use, recording
from bayesal.numerics.outer import blocks, squared_norms, written
from bayesal.types import Inputs


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradients of one number a point: ``products`` holds, by the name of a weight, the uses of it and the
    gradients of their outputs; ``written`` the gradients ``N ...`` in all other parameters."""

    count: int
    products: dict[str, list[tuple[Use, Tensor]]]
    written: dict[str, Float[Tensor, "N ..."]]

    def squared_norms(self) -> dict[str, Float[Tensor, "N"]]:
        """Of the gradient in each parameter, in float64; of one that is used several times, that of the sum."""
        found = {
            name: torch.linalg.vector_norm(value.flatten(1), dim=1, dtype=torch.float64).square()
            for name, value in self.written.items()
        }
        for name in self.products:
            found[name] = torch.cat([squared_norms(*factors) for factors in self.factors(name)])
        return found

    def factors(self, name: str, columns: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """The factors of the gradient in a weight, of so many points at a time that ``columns`` numbers for each of
        their positions and outputs fit too; positions of several uses stand one after the other."""
        uses = self.products[name]
        for points in blocks(self.count, sum(use.size(columns) for use, _ in uses)):
            left, right = zip(*(use.factors(delta, points) for use, delta in uses), strict=True)
            yield torch.cat(left, -1), torch.cat(right, -1)

    def rows(self, names: Iterable[str]) -> Iterator[Float[Tensor, "N P"]]:
        """The gradients written down, flat, parameter by parameter, without those that have no part in the outputs."""
        for name in names:
            if name in self.products:
                yield torch.cat([written(*factors).flatten(1) for factors in self.factors(name)])
            elif name in self.written:
                yield self.written[name].flatten(1)

    def total(self, name: str, points: slice) -> Tensor:
        """The gradient in a parameter, summed over these points, flat; written down to be checked."""
        if name in self.written:
            return self.written[name][points].sum(0).flatten()
        parts = [use.factors(delta, points) for use, delta in self.products[name]]
        sums = [torch.einsum("ngot,ngit->goi", left, right) for left, right in parts]
        return torch.stack(sums).sum(0).flatten()


class PointGradients:
    """∇ objective(forward(state, x_n)) of every point by itself, in the entries of ``state`` that require a gradient.

    One call of ``forward`` for many points, in which layers are recorded, and one backward pass for every objective.
    What the layers do not explain is differentiated point by point, and so is everything in a layer whose parameters
    are used in another way too: on the first points, what follows from the layers is compared with what autograd says
    of all of them and of one alone. Points must not see each other: a point alone must give what it gives among others.
    """

    def __init__(self, forward: Forward, state: Mapping[str, Tensor]) -> None:
        self.forward = forward
        self.state = dict(state)
        self.names = trained(state)
        self._explained: dict[tuple, tuple[set[str], set[str]]] = {}

    def __call__(self, inputs: Inputs) -> "Pass":
        """A pass over these points. Raises ValueError for inputs that are not tensors, or not finite outputs."""
        inputs = as_tensors(inputs)
        with torch.enable_grad(), recording(self.state) as uses:
            outputs = self.forward(self.state, inputs)
        _check(outputs)
        fitting = [use for use in uses if use.intact and use.output.shape[:1] == use.given.shape[:1] == (len(outputs),)]
        return Pass(self, inputs, outputs, fitting)

    def explained(self, run: "Pass") -> tuple[set[str], set[str]]:
        """Names of the parameters that the layers recorded explain, and of those that have no part in the outputs."""
        key = tuple((type(use.layer), use.weight, use.bias) for use in run.uses)
        if key not in self._explained:
            self._explained[key] = self._checked(run, _some_sum)
        return self._explained[key]

    def _checked(self, run: "Pass", objective: Objective) -> tuple[set[str], set[str]]:
        claimed = run.from_layers(objective, set(self.names))
        for name, uses in list(claimed.products.items()):
            if len({use.groups for use, _ in uses}) > 1:  # one weight, cut into blocks in two ways
                del claimed.products[name]
        right, unused = {*claimed.products, *claimed.written}, set(self.names)
        norms = claimed.squared_norms()
        total = sum(norms.values(), torch.zeros(run.count, dtype=torch.float64))
        one = int(total.argmax())
        for points in (slice(one, one + 1), slice(0, run.count)):
            with torch.enable_grad():
                alone = self.forward(self.state, tree_map(lambda part, points=points: part[points], run.inputs))
                _check_alone(alone, run.outputs[points])
                leaves = [self.state[name] for name in self.names]
                exact = torch.autograd.grad(objective(alone).sum(), leaves, allow_unused=True)
            for name, gradient in zip(self.names, exact, strict=True):
                if gradient is None:
                    continue
                unused.discard(name)
                if name in right:
                    scale = norms[name][points].sqrt().sum() + gradient.norm()
                    off = (claimed.total(name, points) - gradient.flatten()).norm()
                    right = right if off <= _tolerance(gradient) * scale else right - {name}
        return right - unused, unused


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass over N points: ``outputs`` are ``N C ...``, with their graph."""

    of: PointGradients
    inputs: Inputs
    outputs: Float[Tensor, "N C ..."]
    uses: list[Use] = field(repr=False)

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
        found = Gradients(self.count, {}, {})
        if not self.uses:
            return found
        with torch.enable_grad():
            value = objective(self.outputs).sum()
        outputs = [use.output for use in self.uses]
        deltas = torch.autograd.grad(value, outputs, retain_graph=True, materialize_grads=True)
        for use, delta in zip(self.uses, deltas, strict=True):
            if use.weight in names and use.multiplies:
                found.products.setdefault(use.weight, []).append((use, delta))
            elif use.weight in names:
                _add(found.written, use.weight, use.of_weight(delta))
            if use.bias in names:
                _add(found.written, use.bias, use.of_bias(delta))
        return found


def _some_sum(outputs: Tensor) -> Tensor:
    """One number a point in which every output has another part."""
    flat = outputs.flatten(1)
    return flat @ torch.linspace(1, 2, flat.shape[1]).to(flat)


def _add(written: dict[str, Tensor], name: str, gradient: Tensor) -> None:
    written[name] = written[name] + gradient if name in written else gradient


def _tolerance(values: Tensor) -> float:
    return torch.finfo(values.dtype).eps ** 0.5


def _check(outputs: Tensor) -> None:
    if not isinstance(outputs, Tensor) or outputs.ndim < 2 or not outputs.is_floating_point():
        seen = f"{outputs.dtype} of shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else type(outputs)
        raise ValueError(f"forward(state, inputs) must give outputs (N, C), but it gave {seen}")
    broken = int((~outputs.isfinite().flatten(1).all(1)).sum())
    if broken:
        raise ValueError(
            f"the network's outputs are NaN or infinite for {broken} of {len(outputs)} points; look at its weights and "
            "at the scale of these inputs"
        )
    if not outputs.requires_grad:
        raise ValueError("what forward(state, inputs) gives does not depend on what is trained in the state")


def _check_alone(alone: Tensor, among: Tensor) -> None:
    near, scale = 10 * _tolerance(alone), float(among.detach().abs().max())
    if alone.shape != among.shape or not torch.allclose(alone, among, rtol=near, atol=near * scale):
        raise ValueError(
            "a point alone gives other outputs than among others, so it has no gradient of its own; put the network "
            "into evaluation mode, and take batch normalisation that keeps running statistics"
        )
