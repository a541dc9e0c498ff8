"""Learners by the name of their posterior: what trains on a pool's labels and gives a belief."""

from collections.abc import Callable
from functools import partial
from inspect import Parameter, signature
from typing import Any, NamedTuple, cast

import numpy as np
from torch import Tensor, nn

from bayesal.bench.config import SettledTraining
from bayesal.bench.named import load_named, made
from bayesal.data.dataset import DataSet
from bayesal.data.sources import source_of
from bayesal.learning import BinaryCrossEntropy, CrossEntropy, Ensemble, GaussianLoss, Loss, Supervised, Training
from bayesal.loop.learn import Learner
from bayesal.networks import MLP, MnistCNN, SmallCNN
from bayesal.posteriors import DeepEnsemble, MCDropout


class Row(NamedTuple):
    """A posterior's row in the table."""

    name: str
    tasks: str
    needs: str
    paper: str


POSTERIORS = (
    Row(
        "mc-dropout", "any", "a network with dropout", "Gal and Ghahramani 2016; masks shared as in Kirsch et al. 2019"
    ),
    Row("ensemble", "any", "any network, trained five times", "Lakshminarayanan et al. 2017"),
)
"""Names for ``--posterior``; a ``module:name`` of the user's own is as good."""

PROTOCOL_SHAPE = (1, 28, 28)
"""Images of this shape follow the protocol of the BatchBALD experiments (Kirsch et al., 2019)."""
TABLE_DROPOUT = 0.5  # with fewer, a network over-fits the spread of a few dozen amounts
LARGEST_SIDE = 32  # of the images the default network looks at; larger ones are averaged down to it


def learner_for(
    posterior: str, data: DataSet, training: SettledTraining, *, validation: tuple[Tensor, Tensor] | None = None
) -> Learner:
    """The learner of this posterior for this data: its default network, loss and training.

    ``module:name`` of the user's own may be a learner (called with a pool and a generator), or what makes a network
    when called without arguments, which is then trained anew in each round for MC dropout. Raises ValueError else.
    """
    recipe: dict[str, Any] = {"loss": loss_for(data), "training": _training(training), "validation": validation}
    recipe["standardise"] = point_shape(data) != PROTOCOL_SHAPE  # whose pixels are normalised already
    if posterior == "ensemble":
        return Ensemble(network_for(data), DeepEnsemble, **recipe)
    if posterior == "mc-dropout":
        return Supervised(network_for(data), MCDropout, **recipe)
    own = _own(posterior)
    makes_networks = _callable_without_arguments(own)
    return Supervised(cast(Callable[[], nn.Module], own), MCDropout, **recipe) if makes_networks else own


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


def fixed_posterior(posterior: str) -> Any:
    """The user's own posterior at ``module:name`` (or what makes it) if it is one that is not trained, else None."""
    if ":" not in posterior:
        return None
    own = load_named(posterior, "the posterior")
    if callable(own) and not hasattr(own, "draw") and not isinstance(own, nn.Module):
        own = made(own, posterior) if _callable_without_arguments(own) else None  # else it is a learner
    return own if hasattr(own, "draw") else None


def network_for(data: DataSet) -> Callable[[], nn.Module]:
    """The default: the BatchBALD authors' for 28 x 28 grey images, a small CNN for others, an MLP for tables."""
    shape, outputs = point_shape(data), 2 if data.kind == "regression" else len(data.class_names)
    if shape == PROTOCOL_SHAPE and data.kind != "regression":
        return partial(MnistCNN, outputs)
    if data.image:
        channels, rows, columns = shape
        if max(rows, columns) <= LARGEST_SIDE:
            return partial(SmallCNN, outputs, channels, image_size=(rows, columns))
        return partial(_averaged_down, partial(SmallCNN, outputs, channels, image_size=LARGEST_SIDE))
    return partial(MLP, int(np.prod(shape)), outputs, dropout=TABLE_DROPOUT)


def loss_for(data: DataSet) -> Loss:
    match data.kind:
        case "regression":
            return GaussianLoss()
        case "multilabel":
            return BinaryCrossEntropy()
        case _:
            return CrossEntropy()


def point_shape(data: DataSet) -> tuple[int, ...]:
    """The shape of one point."""
    first = source_of(data.inputs)[0].gather(np.arange(min(1, len(data))))
    return tuple(first.shape[1:])


def _own(posterior: str) -> Callable[..., Any]:
    own = load_named(posterior, "the posterior")
    if not callable(own) or hasattr(own, "draw") or isinstance(own, nn.Module):
        raise ValueError(
            f"the posterior {posterior} cannot be trained: expected a learner, called with (pool, generator), or a "
            f"function that makes a network, but it is a {type(own).__name__}"
        )
    return own


def _averaged_down(make: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(LARGEST_SIDE), make())


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
