"""From a pool's labels to trained networks: what the ready-made learners have in common."""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from bayesal.data.pool import Pool
from bayesal.learning.examples import Examples
from bayesal.learning.losses import Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.modes import Modes
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Fit, Training
from bayesal.likelihoods import Likelihood
from bayesal.networks.standardise import Standardise
from bayesal.recipe import by_settings
from bayesal.types import Inputs

SAMPLE = 1_000  # pool points that the scale of the inputs is read off: good to a few per cent, and quick to read


@runtime_checkable
class Recipe(Protocol):
    """What to train, for what, and how."""

    @property
    def network(self) -> Callable[[], nn.Module]: ...
    @property
    def loss(self) -> Loss: ...
    @property
    def training(self) -> Training: ...
    @property
    def validation(self) -> tuple[Tensor, Tensor] | None: ...
    @property
    def standardise(self) -> bool: ...


class Prepared(NamedTuple):
    """New networks, not trained yet, and what they will be trained on, on the networks' own scale, type and device."""

    networks: list[nn.Module]
    scale: nn.Module | None
    """The fixed first layer, which the examples have gone through already."""
    loss: Loss
    examples: Examples
    validation: Examples | None
    points: Callable[[Inputs], Tensor]
    """Inputs of the pool as the networks take them: on their scale, of their type and device."""

    def trained(self, fits: list[Fit]) -> "Trained":
        """The networks as they are now, of the user's inputs, in evaluation mode."""
        networks = self.networks
        if self.scale is not None:
            networks = [nn.Sequential(OrderedDict(standardise=self.scale, network=network)) for network in networks]
        whole = [network.eval() for network in networks]
        return Trained(whole, self.loss.likelihood, fits, self.examples.targets, self.loss)


class Trained(NamedTuple):
    """Networks of the user's inputs, the likelihood of labels in the user's units, and how each training went."""

    networks: list[nn.Module]
    likelihood: Likelihood
    fits: list[Fit]
    targets: Tensor
    """The labels as the loss takes them."""
    loss: Loss
    """The loss on the scale of the targets."""


def train(recipe: Recipe, pool: Pool, streams: Sequence[Streams], *, together: bool | None = None) -> Trained:
    """New networks, one a stream, trained on all the pool's labels.

    Raises ValueError as ``prepare`` does, and if every training diverged.
    """
    ready = prepare(recipe, pool, streams)
    fits = minimise(
        ready.networks,
        ready.loss,
        ready.examples,
        streams=streams,
        training=recipe.training,
        validation=ready.validation,
        together=together,
    )
    return ready.trained(fits)


def prepare(recipe: Recipe, pool: Pool, streams: Sequence[Streams]) -> Prepared:
    """New networks, one a stream, and all the pool's labels as they take them.

    Raises ValueError if nothing is labelled, for inputs or labels that do not fit the network and the loss, and for
    inputs that are not finite.
    """
    if len(pool.labels) == 0:
        raise ValueError("nothing in the pool is labelled yet, so there is nothing to learn from: label a first batch")
    networks = [_built(recipe.network, stream) for stream in streams]
    if len(set(networks)) < len(networks):
        raise ValueError("network() must make a new network at each call, but it gave the same one twice")
    like = next((parameter for parameter in networks[0].parameters() if parameter.is_floating_point()), None)
    if like is None:
        raise ValueError(f"the network ({type(networks[0]).__name__}) has no parameters to train")
    scale = scale_of(pool, like.dtype).to(like.device) if recipe.standardise else None

    def prepared(inputs: Inputs) -> Tensor:
        points = numbers(inputs).to(like.device)
        looks_up = any(isinstance(module, nn.Embedding | nn.EmbeddingBag) for module in networks[0].modules())
        points = points if looks_up and not points.is_floating_point() else points.to(like.dtype)
        return points if scale is None else scale(points)

    def targeted(labels: Tensor) -> Tensor:
        targets = recipe.loss.prepare(labels.cpu(), num_outputs).to(like.device)
        return targets.to(like.dtype) if targets.is_floating_point() else targets

    inputs = prepared(pool.gather(pool.labelled))
    num_outputs = _num_outputs(networks[0], inputs[:2])
    examples = Examples(inputs, targeted(pool.targets()))
    held_out = None
    if recipe.validation is not None:
        if recipe.validation[0].shape[1:] != inputs.shape[1:]:
            raise ValueError(
                f"validation points have the shape {tuple(recipe.validation[0].shape[1:])}, but the pool's points have "
                f"{tuple(inputs.shape[1:])}"
            )
        held_out = Examples(prepared(recipe.validation[0]), targeted(recipe.validation[1]))
    return Prepared(networks, scale, recipe.loss.fit(examples.targets), examples, held_out, prepared)


def scale_of(pool: Pool, dtype: torch.dtype = torch.float64) -> Standardise:
    """The layer that puts inputs on the scale of the pool's points."""
    return Standardise.of(numbers(pool.gather(pool.ids[:: -(-len(pool) // SAMPLE)])), dtype)


def printed(learner: Any) -> str:
    """A frozen dataclass of a recipe, with its validation points counted, not shown."""
    text = by_settings(replace(learner, validation=None))
    if learner.validation is None:
        return text
    return text.replace("validation=None", f"validation={len(learner.validation[0])} points", 1)


def check_weights(learner: Any, *names: str) -> None:
    """Raises ValueError for the first of these settings that is neither None nor a finite number of at least 0."""
    for name in names:
        value = getattr(learner, name)
        if value is not None and not 0 <= value < math.inf:
            raise ValueError(f"{name} must be a number of at least 0, but it is {value}")


def _built(make: Callable[[], nn.Module], stream: Streams) -> nn.Module:
    with seeded(stream.initialisation):
        network = make()
    if not isinstance(network, nn.Module):
        raise ValueError(f"network() must make a torch.nn.Module, but it made a {type(network).__name__}")
    if any(is_lazy(parameter) for parameter in network.parameters()):
        raise ValueError(
            "the network has lazy layers, whose first weights would not come from the seed; give them their input sizes"
        )
    return network


def numbers(inputs: Inputs) -> Tensor:
    """The inputs, if they are one tensor of finite numbers, else ValueError."""
    if not isinstance(inputs, Tensor):
        raise ValueError(
            f"the ready-made learners take points that are one tensor, but these are a {type(inputs).__name__}; "
            "write a learner of your own: a function of (pool, generator) that returns a posterior"
        )
    broken = int((~inputs.reshape(len(inputs), -1).isfinite().all(dim=1)).sum())
    if broken:
        raise ValueError(f"{broken} of {len(inputs)} points hold NaN or infinite inputs; clean or drop them first")
    return inputs


@torch.no_grad()
def _num_outputs(network: nn.Module, points: Tensor) -> int:
    with seeded(0), Modes([network]) as modes, modes.evaluation():
        try:
            outputs = network(points)
        except Exception as error:
            raise ValueError(
                f"the network ({type(network).__name__}) fails on points of shape {tuple(points.shape[1:])}: {error}"
            ) from error
    if not isinstance(outputs, Tensor) or outputs.ndim < 2 or len(outputs) != len(points):
        seen = f"shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
        raise ValueError(f"the network must return outputs N C, but for {len(points)} points it gave {seen}")
    return outputs.shape[1]
