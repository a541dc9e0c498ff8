"""How far a point is from where its label changes: small perturbations that fool a network."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor
from torch.func import vjp, vmap

from bayesal.numerics.linalg import blocks

ELEMENTS = 2**23  # of gradients in memory at once: 32 MiB in float32
ROUNDING = 64  # units in the last place of the largest entry: less is no direction

Logits: TypeAlias = Callable[[Tensor], Tensor]
"""Points ``N ...`` to logits ``N C``, each row from its own point only."""


@dataclass(frozen=True, eq=False)
class Fooled:
    """What became of N points. ``squared``: the squared length of each perturbation, in float64. ``flipped``: whether
    another class was at least as likely at its end. ``steps``: how many it took."""

    perturbations: Float[Tensor, "N ..."]
    squared: Float[Tensor, "N"]
    flipped: Bool[Tensor, "N"]
    steps: Int[Tensor, "N"]


Pull: TypeAlias = Callable[[Tensor], Tensor]
"""Gradients with respect to logits, ``M N C``, to gradients with respect to points, ``M N D``."""
Step: TypeAlias = Callable[[Tensor, Tensor, Pull], Tensor]
"""Logits ``N C`` where the points are, and their labels, to how they move, ``N D``."""


def deepfool(
    logits: Logits, points: Shaped[Tensor, "N ..."], *, overshoot: float | int = 0.02, max_steps: int = 50
) -> Fooled:
    """DeepFool (Moosavi-Dezfooli, Fawzi and Frossard, CVPR 2016): to the nearest boundary of the linearised network.

    With f the logits, c the label and w_l = ∇(f_l - f_c), each step adds (f_c - f_l) / ‖w_l‖² · w_l to the perturbation
    r, for the class l ≠ c of the smallest (f_c - f_l) / ‖w_l‖, until the label at x + (1 + ``overshoot``) r is another,
    or ``max_steps``. Lengths are those of r, without the overshoot: for a linear classifier the exact distance.
    A point whose logits do not depend on it stays where it is. Raises ValueError for points that are not floating
    point, for a single class, and for settings that are no numbers of at least 0 and 1.
    """
    if not overshoot >= 0:
        raise ValueError(f"overshoot must be at least 0, but it is {overshoot}")
    return _until_fooled(logits, points, _to_the_nearest_boundary, 1 + float(overshoot), max_steps)


def bim(logits: Logits, points: Shaped[Tensor, "N ..."], *, step: float | int = 0.05, max_steps: int = 50) -> Fooled:
    """The basic iterative method (Kurakin, Goodfellow and Bengio, 2017): r ← r + ε sign ∇ CE(f(x + r), c).

    ε is ``step``, in the unit of the points, c the label at x; until the label is another, or ``max_steps``. What is
    less than rounding beside a point's largest entry has no sign. Raises ValueError as ``deepfool`` does.
    """
    if not step > 0:
        raise ValueError(f"step must be above 0, but it is {step}")

    def uphill(found: Tensor, label: Tensor, pull: Pull) -> Tensor:
        others = found.scatter(1, label[:, None], -torch.inf).softmax(1)  # what CE's gradient is a positive multiple of
        gradient = pull(others.scatter(1, label[:, None], -1.0)[None])[0]
        largest = gradient.abs().amax(1, keepdim=True)
        small = gradient.abs() <= ROUNDING * torch.finfo(gradient.dtype).eps * largest
        return gradient.sign().masked_fill_(small, 0) * step

    return _until_fooled(logits, points, uphill, 1.0, max_steps)


def _to_the_nearest_boundary(found: Tensor, label: Tensor, pull: Pull) -> Tensor:
    count, classes = found.shape
    rows = torch.arange(count, device=found.device)
    towards = torch.eye(classes, dtype=found.dtype, device=found.device)[:, None].repeat(1, count, 1)
    towards[:, rows, label] -= 1  # for the label itself nothing is left, and it is not asked for
    normals = pull(towards)
    squared = normals.double().square().sum(2)
    ahead = (found.gather(1, label[:, None]) - found).double().mT
    distance = torch.where(squared > 0, ahead / squared.sqrt(), torch.inf)
    distance[label, rows] = torch.inf
    nearest, which = distance.min(0)
    length = torch.where(nearest.isfinite(), ahead[which, rows] / squared[which, rows], 0.0)
    return length[:, None] * normals[which, rows]


@torch.no_grad()
def _until_fooled(logits: Logits, points: Tensor, step: Step, factor: float, max_steps: int) -> Fooled:
    if not points.is_floating_point():
        raise ValueError(f"points must be floating point to be moved a little, but they are {points.dtype}")
    if max_steps < 1:
        raise ValueError(f"max_steps must be at least 1, but it is {max_steps}")
    moved = torch.zeros_like(points)
    flipped = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    steps = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    if len(points):
        classes = _checked(logits(points[:1])).shape[1]
        for some in blocks(len(points), classes * points[0].numel(), ELEMENTS):
            moved[some], flipped[some], steps[some] = _block(logits, points[some], step, factor, max_steps)
    squared = moved.double().flatten(1).square().sum(1) if moved.ndim > 1 else moved.double().square()
    return Fooled(moved, squared, flipped, steps)


def _block(logits: Logits, points: Tensor, step: Step, factor: float, max_steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points that are fooled are looked at no more."""
    moved = torch.zeros_like(points)
    flipped = torch.zeros(len(points), dtype=torch.bool, device=points.device)
    steps = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    label = logits(points).argmax(1)
    open_ = torch.arange(len(points), device=points.device)
    for number in range(max_steps + 1):
        found, pull = _pulling(logits, points[open_] + factor * moved[open_])
        own = found.gather(1, label[open_, None])
        others = found.scatter(1, label[open_, None], -torch.inf)
        done = others.amax(1) >= own[:, 0]
        flipped[open_[done]] = True
        steps[open_] = number
        if number == max_steps or bool(done.all()):
            break
        move = step(found, label[open_], pull)[~done]
        open_ = open_[~done]
        moved[open_] += move.view_as(moved[open_]).to(moved.dtype)
    return moved, flipped, steps


def _pulling(logits: Logits, points: Tensor) -> tuple[Tensor, Pull]:
    """Logits ``N C``, and what pulls M gradients back from them to the points, all at once."""
    with torch.enable_grad():
        found, back, *_ = vjp(logits, points)

    def pull(cotangents: Tensor) -> Tensor:
        with warnings.catch_warnings():  # an operation without a rule is looped on its own
            warnings.filterwarnings("ignore", message="There is a performance drop")
            (gradients,) = vmap(back)(cotangents)
        return gradients.flatten(2) if gradients.ndim > 2 else gradients[..., None]

    broken = int((~found.isfinite().all(1)).sum())
    if broken:
        raise ValueError(f"the logits of {broken} of {len(found)} points are not finite; look at the network there")
    return found.detach(), pull


def _checked(found: Tensor) -> Tensor:
    if found.ndim != 2 or found.shape[1] < 2:
        raise ValueError(
            f"a label changes between two classes or more, but the logits of a point have the shape "
            f"{tuple(found.shape[1:])}"
        )
    return found
