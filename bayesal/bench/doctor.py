"""The laws, for a part of the user's own: what holds, what is broken, in plain words."""

from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Generator, Tensor, nn

from bayesal import likelihoods
from bayesal.bench.named import load_named, made
from bayesal.posteriors import MCDropout
from bayesal.testing import Finding, examine_acquisition, examine_posterior, examine_rule
from bayesal.types import Posterior

POINTS = 32
SIDES = (28, 32, 64, 224, 8)  # images to try on a network whose input size is not told

Part = Literal["posterior", "acquisition", "rule"]
Task = Literal["classification", "multilabel", "regression", "dense"]
LIKELIHOODS = {
    "classification": likelihoods.categorical,
    "multilabel": likelihoods.bernoulli,
    "regression": likelihoods.gaussian,
    "dense": likelihoods.dense_categorical,
}


def examine(
    target: str, *, part: Part = "posterior", task: Task = "classification", inputs: Path | None = None
) -> list[Finding]:
    """The findings about ``module:name``: a posterior or a network (the thing itself, or what makes it), or an
    acquisition or a rule. ``inputs``: points for a posterior, in a .npy or .npz file; else random ones of a shape read
    off the first layer. Raises ValueError where there is nothing to examine."""
    found = load_named(target, "the target")
    if part == "acquisition":
        return examine_acquisition(found)
    if part == "rule":
        return examine_rule(made(found, target) if isinstance(found, type) else found)
    value = made(found, target)
    points = _read(inputs) if inputs is not None else _points_for(value)
    if isinstance(value, nn.Module) and not hasattr(value, "draw"):
        try:
            return examine_posterior(MCDropout(value, LIKELIHOODS[task]), points)
        except ValueError as error:
            return [Finding("becomes a posterior", False, str(error))]
    if not hasattr(value, "draw"):
        raise ValueError(
            f"{target} is a {type(value).__name__}; the doctor examines a network (nn.Module), a posterior (it has "
            "draw), or with --as an acquisition or a rule"
        )
    return examine_posterior(cast(Posterior, value), points)


def _read(path: Path) -> Tensor:
    try:
        content: Any = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read inputs from {path}: {error}") from error
    if not isinstance(content, np.ndarray):
        content = content["inputs" if "inputs" in content.files else content.files[0]]
    if content.dtype.kind not in "fiub" or content.ndim < 1:
        raise ValueError(f"{path} must hold numbers, points along the first axis, but it holds {content.dtype}")
    points = torch.from_numpy(content[:POINTS])
    return points.float() if points.dtype == torch.float64 else points


def _points_for(value: Any) -> Tensor:
    """Random points of the shape the first layer takes."""
    network = value if isinstance(value, nn.Module) else getattr(value, "network", None)
    generator = Generator().manual_seed(0)
    if isinstance(network, nn.Module):
        for shape in _shapes(network):
            points = torch.randn(POINTS, *shape, generator=generator)
            if _takes(network, points):
                return points
    raise ValueError("cannot tell the shape of a point from the first layer; pass some points with --inputs FILE.npy")


def _shapes(network: nn.Module) -> list[tuple[int, ...]]:
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            return [(layer.in_features,)]
        if isinstance(layer, nn.Conv1d):
            return [(layer.in_channels, side) for side in SIDES]
        if isinstance(layer, nn.Conv2d):
            return [(layer.in_channels, side, side) for side in SIDES]
    return []


@torch.no_grad()
def _takes(network: nn.Module, points: Tensor) -> bool:
    """Whether the network runs on these points; tried on a copy in evaluation mode, to change nothing."""
    with torch.random.fork_rng(devices=[]):
        try:
            deepcopy(network).eval()(points[:2])
        except Exception:
            return False
    return True
