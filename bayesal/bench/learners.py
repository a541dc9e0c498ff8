"""Learners by the name of their posterior: what trains on a pool's labels and gives a belief."""

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, cast

from torch import Tensor, nn

from bayesal.bench.config import SettledConfig, SettledTraining
from bayesal.bench.defaults import Given
from bayesal.bench.named import load_named, made
from bayesal.bench.posteriors import POSTERIORS
from bayesal.data.dataset import DataSet
from bayesal.learning import Supervised, Training
from bayesal.learning.streams import seeded
from bayesal.loop.learn import Learner
from bayesal.posteriors import MCDropout


def learner_of(config: SettledConfig, data: DataSet, validation: tuple[Tensor, Tensor] | None = None) -> Learner:
    """The learner of a run."""
    return learner_for(
        config.posterior,
        data,
        config.training,
        validation=validation,
        initial=config.initial,
        batch_size=config.batch_size,
        network=config.network,
    )


def learner_for(
    posterior: str,
    data: DataSet,
    training: SettledTraining,
    *,
    validation: tuple[Tensor, Tensor] | None = None,
    initial: int = 20,
    batch_size: int = 10,
    network: str | None = None,
) -> Learner:
    """The learner of this posterior for this data: its default network, loss and training.

    ``initial``: labels before the first batch was asked, ``batch_size``: labels asked in a round, for learners that
    count rounds. ``network``: ``module:name`` of what makes a network when called without arguments, in place of the
    default one.

    ``module:name`` of the user's own may be a learner (called with a pool and a generator), or what makes a network
    when called without arguments, which is then trained anew in each round for MC dropout. Raises ValueError else,
    for a posterior that is not for data of this kind, and for labels of one class only.
    """
    check_network(network, posterior)
    make = None if network is None else load_named(network, "the network")
    given = Given(data, _training(training), validation, initial, batch_size, make)
    row = next((row for row in POSTERIORS if row.name == posterior), None)
    if row is None:
        own = _own(posterior)
        recipe = {**given.recipe(), "network": cast(Callable[[], nn.Module], own)}
        return Supervised(wrap=MCDropout, **recipe) if _callable_without_arguments(own) else own
    if row.tasks != "any" and data.kind not in row.tasks:
        fitting = ", ".join(other.name for other in POSTERIORS if other.tasks == "any" or data.kind in other.tasks)
        raise ValueError(
            f"the posterior {posterior} is for {row.tasks}, but {data.name} is a {data.kind} task; "
            f"for that there are {fitting}"
        )
    if data.kind == "classification" and len(data.class_names) < 2:
        only = "".join(data.class_names)
        raise ValueError(
            f"all labels of {data.name} are {only!r}, so there are no classes to tell "
            "apart yet: label more points, drawn at random, until there are two"
        )
    module, _, function = row.maker.partition(":")
    return getattr(import_module(f"bayesal.bench.makers.{module}"), function)(given)


def check_posterior(posterior: str, *, trained: bool = True) -> None:
    """Raises ValueError for a posterior that does not exist or, if it is to be trained, cannot be."""
    names = [row.name for row in POSTERIORS]
    if ":" in posterior:
        if trained:
            _own(posterior)
        else:
            load_named(posterior, "the posterior")
    elif posterior not in names:
        raise ValueError(
            f"there is no posterior {posterior!r}; there are {', '.join(names)}, or your own as module:name"
        )


def check_network(network: str | None, posterior: str) -> None:
    """Raises ValueError for a network that cannot be made, or that this posterior has no place for."""
    if network is None:
        return
    row = next((row for row in POSTERIORS if row.name == posterior), None)
    if row is None or "network" not in row.needs or "of its own" in row.needs:
        taking = ", ".join(row.name for row in POSTERIORS if "network" in row.needs and "of its own" not in row.needs)
        raise ValueError(
            f"the posterior {posterior} takes no network: leave --network out, or take one of the posteriors {taking}"
        )
    make = load_named(network, "the network")
    if isinstance(make, nn.Module) or not callable(make) or not _callable_without_arguments(make):
        raise ValueError(
            f"the network {network} must be what makes a new network when called without arguments, but it is a "
            f"{type(make).__name__}"
        )
    with seeded(0):  # whatever it draws, nothing that comes later is drawn otherwise
        first, second = made(make, network), made(make, network)
    if not isinstance(first, nn.Module):
        raise ValueError(f"the network {network} must make an nn.Module, but it makes a {type(first).__name__}")
    trained = [{id(weights) for weights in each.parameters() if weights.requires_grad} for each in (first, second)]
    if trained[0] & trained[1]:
        raise ValueError(
            f"the network {network} must be made anew at every call, but two calls give weights in common: studies "
            "would go on with what others have trained"
        )


def fixed_posterior(posterior: str) -> Any:
    """The user's own posterior at ``module:name`` (or what makes it) if it is one that is not trained, else None."""
    if ":" not in posterior:
        return None
    own = load_named(posterior, "the posterior")
    if callable(own) and not hasattr(own, "draw") and not isinstance(own, nn.Module):
        own = made(own, posterior) if _callable_without_arguments(own) else None  # else it is a learner
    return own if hasattr(own, "draw") else None


def _own(posterior: str) -> Callable[..., Any]:
    own = load_named(posterior, "the posterior")
    if not callable(own) or hasattr(own, "draw") or isinstance(own, nn.Module):
        raise ValueError(
            f"the posterior {posterior} cannot be trained: expected a learner, called with (pool, generator), or a "
            f"function that makes a network, but it is a {type(own).__name__}"
        )
    return own


def _training(settled: SettledTraining) -> Training:
    return Training(
        learning_rate=settled.learning_rate,
        weight_decay=settled.weight_decay,
        batch_size=settled.batch_size,
        epoch_size=settled.epoch_size,
        max_epochs=settled.epochs,
        patience=settled.patience,
        progress=False,
    )


def _callable_without_arguments(value: Callable[..., Any]) -> bool:
    required = (p for p in signature(value).parameters.values() if p.default is Parameter.empty)
    return all(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in required)
