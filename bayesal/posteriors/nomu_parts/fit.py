"""From data, or from a network and its data, to the parts of a NOMU."""

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from bayesal.learning.losses import Loss, SquaredLoss
from bayesal.learning.recipe import numbers
from bayesal.networks.nomu import NOMUNetwork
from bayesal.networks.standardise import Standardise
from bayesal.networks.trunk import split_head
from bayesal.posteriors.nomu_parts.artificial import Box
from bayesal.posteriors.nomu_parts.nomu_calibration import NOMUCalibration, check_convergence
from bayesal.posteriors.nomu_parts.training import NOMUTraining, beyond, left_out

POOL_SPREAD = 2.0  # standard deviations of the pool that the box holds on either side of its mean


def learned(
    inputs: Tensor,
    labels: Tensor,
    *,
    scale: nn.Module,
    validation: tuple[Tensor, Tensor] | None,
    joint: bool,
    training: NOMUTraining,
    calibration: NOMUCalibration,
    warn: bool,
    generator: Generator,
) -> dict[str, Any]:
    """What ``NOMU`` is made of, learned from the data alone: see ``NOMU.fit``."""
    rows, amounts = points_and_amounts(inputs, labels, training.dtype)
    loss = SquaredLoss().fit(amounts)
    scaling = nn.Sequential(copy.deepcopy(scale), nn.Flatten(1)).to(rows.device)
    spread = POOL_SPREAD if isinstance(scale, Standardise) else None
    around = _box(training, scaling(rows), scaling, spread)
    unit = around.unit.to(training.dtype)
    first = nn.Sequential(*scaling, unit)
    points, around, targets = first(rows), around.through(unit), standardised(amounts, loss, training.dtype)
    network = training.network(points, targets, around, joint=joint, generator=generator)
    if warn:
        check_convergence(network, points, around, calibration.readout, generator=generator)
    unseen = None
    if calibration.needed and validation is not None:
        there, truth = points_and_amounts(*validation, training.dtype)
        there, truth = there.to(rows.device), truth.to(rows.device)
        unseen = beyond(network, first(there), standardised(truth, loss, training.dtype))
    elif calibration.needed and len(points) > 1:
        unseen = left_out(training, points, targets, around, calibration.folds, joint=joint, generator=generator)
    network.first = first
    return _parts(network, rows, loss, around, calibration.settle(unseen, loss.scale))


def learned_beside(
    network: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    loss: Loss,
    validation: tuple[Tensor, Tensor] | None,
    training: NOMUTraining,
    calibration: NOMUCalibration,
    warn: bool,
    generator: Generator,
) -> dict[str, Any]:
    """What ``NOMU`` is made of, beside a network that is trained already: see ``NOMU.on``."""
    if not isinstance(loss, SquaredLoss):
        raise ValueError(f"NOMU goes on a network that was trained for the SquaredLoss, but the loss is {loss!r}")
    like = next(network.parameters(), torch.zeros(()))
    points, amounts = points_and_amounts(inputs, labels, like.dtype)
    points, targets = points.to(like.device), standardised(amounts, loss, like.dtype).to(like.device)
    trunk, head = split_head(network, points[:2])
    around = _box(training, points, nn.Identity(), None)
    beside = training.side_of(trunk, head, points, around, generator=generator)
    if warn:
        check_convergence(beside, points, around, calibration.readout, generator=generator)
    unseen = None
    if calibration.needed and validation is not None:
        there, truth = points_and_amounts(*validation, like.dtype)
        truth = standardised(truth, loss, like.dtype)
        unseen = beyond(beside, there.to(like.device), truth.to(like.device))
    settled = calibration.settle(unseen, loss.scale)
    if unseen is None and calibration.noise is None:
        settled["noise"] = float(beyond(beside, points, targets).residuals.square().mean())
    return _parts(beside, points, loss, around, settled)


def points_and_amounts(inputs: Any, labels: Tensor, dtype: torch.dtype) -> tuple[Tensor, Float[Tensor, "L"]]:
    """Both as checked tensors on the inputs' device: points in the networks' number type, labels in double precision.

    Raises ValueError for inputs or labels that are not finite, several labels a point, and no points.
    """
    if len(inputs) != len(labels) or len(labels) == 0:
        raise ValueError(f"NOMU needs points with a label each, but there are {len(inputs)} and {len(labels)}")
    points = numbers(inputs)
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise ValueError(f"NOMU learns one amount a point, but there are {labels.shape[1]}; use one NOMU for each")
    amounts = SquaredLoss().prepare(labels.cpu(), 1)
    return points.to(dtype), amounts.to(points.device)


def standardised(amounts: Tensor, loss: SquaredLoss, dtype: torch.dtype) -> Float[Tensor, "L"]:
    """Labels on the scale of the network."""
    return ((amounts.double() - loss.shift) / loss.scale).to(dtype)


def _box(training: NOMUTraining, points: Tensor, scaling: nn.Module, spread: float | None) -> Box:
    """Around these points, or between the two points that are given."""
    if training.box is None:
        return Box.around(points, least=spread, mixed=training.mixed)
    low, high = scaling(torch.stack(training.box).to(points))
    return Box.between(low, high, points, mixed=training.mixed)


def _parts(
    network: NOMUNetwork, inputs: Tensor, loss: SquaredLoss, box: Box, settled: dict[str, Any]
) -> dict[str, Any]:
    parts = {"network": network, "inputs": inputs, "shift": loss.shift, "scale": loss.scale}
    return {**parts, "artificial": str(box), **settled}
