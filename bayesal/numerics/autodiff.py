"""Gradients of points, each by itself: of any function of a state, by ``vmap``, or one point after the other."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad, vmap
from torch.utils._pytree import tree_flatten, tree_map

from bayesal.types import Inputs

Forward: TypeAlias = Callable[[dict[str, Tensor], Inputs], Tensor]
"""A network under the tensors of a state: ``N C ...`` outputs of N inputs."""
Objective: TypeAlias = Callable[[Tensor], Tensor]
"""Outputs ``N C ...`` to one number a point, made of its own outputs alone."""

BYTES = 2**25  # of gradients written down at once: there is more to a pass than them


def per_point_gradients(
    forward: Forward, state: Mapping[str, Tensor], inputs: Inputs, output: Objective
) -> Float[Tensor, "N P"]:
    """∇ output(forward(state, x_n)), a row a point, in all entries of ``state`` that require a gradient, side by side
    in their order, each flattened.

    Raises ValueError if none requires one. Rows are ``N P``: for many points give some at a time.
    """
    names = trained(state)
    found = gradients_by_point(forward, state, inputs, output, names)
    return torch.cat([found[name].flatten(1) for name in names], dim=1)


def gradients_by_point(
    forward: Forward, state: Mapping[str, Tensor], inputs: Inputs, output: Objective, names: Sequence[str]
) -> dict[str, Float[Tensor, "N ..."]]:
    """The gradient in each of these entries of ``state`` at every point, by name.

    By ``vmap``, a few points at once; what ``vmap`` cannot take is done point after point.
    """
    inputs = as_tensors(inputs)
    fixed = {name: value.detach() for name, value in state.items()}
    own = {name: fixed.pop(name) for name in names}

    def value(parameters: dict[str, Tensor], point: Inputs) -> Tensor:
        alone = tree_map(lambda part: part[None], point)
        return output(forward(fixed | parameters, alone)).squeeze(0)

    each = sum(parameter.numel() * parameter.element_size() for parameter in own.values())
    try:
        with warnings.catch_warnings():  # an operation vmap has no rule for is looped on its own: no slower than ours
            warnings.filterwarnings("ignore", message="There is a performance drop")
            return vmap(grad(value), in_dims=(None, 0), chunk_size=max(1, BYTES // each))(own, inputs)
    except Exception:  # if it is the function that is at fault, the loop says so
        rows = [_alone(value, own, point_at(inputs, n)) for n in range(count_of(inputs))]
        return {name: torch.stack([row[name] for row in rows]) for name in names}


def trained(state: Mapping[str, Tensor]) -> list[str]:
    """The names of what requires a gradient. Raises ValueError if nothing does."""
    names = [name for name, value in state.items() if value.requires_grad]
    if not names:
        raise ValueError(
            f"none of the {len(state)} tensors of the state requires a gradient, so there is nothing to differentiate "
            "in; mark what is trained: tensor.detach().requires_grad_()"
        )
    return names


def as_tensors(inputs: Inputs) -> Inputs:
    """Arrays as tensors. Raises ValueError for anything but (a mapping of) tensors or arrays."""
    inputs = tree_map(lambda part: torch.from_numpy(part) if isinstance(part, np.ndarray) else part, inputs)
    parts = tree_flatten(inputs)[0]
    other = next((part for part in parts if not isinstance(part, Tensor)), None)
    if other is not None or not parts:
        raise ValueError(
            "gradients are of points that are tensors or arrays with the point along the first axis, but there is a "
            f"{type(other).__name__}"
        )
    return inputs


def count_of(inputs: Inputs) -> int:
    """How many points there are."""
    return len(tree_flatten(inputs)[0][0])


def point_at(inputs: Inputs, n: int) -> Inputs:
    """The n-th point by itself, without the axis of points."""
    return tree_map(lambda part: part[n], inputs)


def tolerance(values: Tensor) -> float:
    return torch.finfo(values.dtype).eps ** 0.5


def check_outputs(outputs: Tensor) -> None:
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


def check_alone(alone: Tensor, among: Tensor) -> None:
    near, scale = 10 * tolerance(alone), float(among.detach().abs().max())
    if alone.shape != among.shape or not torch.allclose(alone, among, rtol=near, atol=near * scale):
        raise ValueError(
            "a point alone gives other outputs than among others, so it has no gradient of its own; put the network "
            "into evaluation mode, and take batch normalisation that keeps running statistics"
        )


def _alone(value: Callable[[dict[str, Tensor], Inputs], Tensor], own: dict[str, Tensor], point: Any) -> dict:
    leaves = {name: parameter.clone().requires_grad_() for name, parameter in own.items()}
    with torch.enable_grad():
        found = torch.autograd.grad(value(leaves, point), list(leaves.values()), allow_unused=True)
    return {
        name: torch.zeros_like(leaf) if gradient is None else gradient
        for (name, leaf), gradient in zip(leaves.items(), found, strict=True)
    }
