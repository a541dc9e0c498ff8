"""Learners by the name of their posterior: what trains on a pool's labels and gives a belief."""

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from bayesal.bench.config import SettledConfig, SettledTraining
from bayesal.bench.defaults import Given
from bayesal.bench.named import load_named, made
from bayesal.data.dataset import DataSet
from bayesal.learning import Supervised, Training
from bayesal.loop.learn import Learner
from bayesal.posteriors import MCDropout

NETWORK = ("Differentiable", "Embeds")
FEATURES = ("Embeds",)


class Row(NamedTuple):
    """A posterior's row in the table; ``maker`` is the function of ``bayesal.bench.makers`` that makes its learner.

    ``offers``: what the belief has beside draws, that a method may need: most posteriors are whole networks.
    """

    name: str
    tasks: str
    needs: str
    paper: str
    maker: str
    offers: tuple[str, ...] = NETWORK


POSTERIORS = (
    Row(
        "mc-dropout",
        "any",
        "a network with dropout",
        "Gal and Ghahramani 2016; masks shared as in Kirsch et al. 2019",
        "networks:mc_dropout",
    ),
    Row(
        "ceal",
        "classification",
        "a network with dropout, trained twice where it is sure",
        "Wang et al. 2017",
        "pseudo:ceal",
    ),
    Row("ensemble", "any", "any network, trained five times", "Lakshminarayanan et al. 2017", "networks:ensemble"),
    Row(
        "greedy-ensemble",
        "any",
        "any network, trained five times, each away from the earlier ones",
        "Tiulpin and Blaschko 2022",
        "networks:greedy_ensemble",
    ),
    Row("snapshots", "any", "any network, trained in cycles", "Huang et al. 2017", "networks:snapshots"),
    Row(
        "tod",
        "any",
        "any network, trained as of a batch ago and then on",
        "Huang et al. 2021",
        "temporal:tod",
    ),
    Row(
        "scal",
        "classification",
        "a network that ends in a linear layer",
        "Krishnan et al. 2021; Khosla et al. 2020",
        "contrastive:scal",
    ),
    Row(
        "barlow-twins",
        "any",
        "a network that ends in a linear layer and has dropout; learns from the whole pool",
        "Mandivarapu et al. 2022; Zbontar et al. 2021",
        "twins:barlow_twins",
    ),
    Row("swag", "any", "any network, trained on at a high rate", "Maddox et al. 2019", "networks:swag"),
    Row(
        "sgmcmc",
        "any",
        "any network; pip install 'bayesal[sgmcmc]'",
        "Welling and Teh 2011; Leimkuhler and Matthews 2015; Zhang et al. 2020",
        "networks:sgmcmc",
    ),
    Row(
        "dropconnect",
        "any",
        "a network with linear layers",
        "Wan et al. 2013; Gal and Ghahramani 2016",
        "networks:dropconnect",
    ),
    Row(
        "laplace",
        "any",
        "a network that ends in a linear layer",
        "MacKay 1992; Ritter et al. 2018; Daxberger et al. 2021",
        "last_layer:laplace",
        FEATURES,
    ),
    Row(
        "bayesian-last-layer",
        "classification, regression",
        "a network that ends in a linear layer",
        "conjugate regression on features; for classes Milios et al. 2018",
        "last_layer:bayesian_last_layer",
        FEATURES,
    ),
    Row(
        "sngp",
        "any",
        "a residual network of its own",
        "Liu et al. 2020; soft bounds by van Amersfoort et al. 2021",
        "last_layer:sngp",
        FEATURES,
    ),
    Row(
        "gp",
        "regression",
        "nothing: a table, or few pixels",
        "Rasmussen and Williams 2006; Wilson et al. 2020",
        "processes:gp",
        (),
    ),
    Row(
        "fully-bayesian-gp",
        "regression",
        "nothing: a table, or few pixels; up to some hundred labels",
        "Lalchand and Rasmussen 2020; NUTS by Hoffman and Gelman 2014",
        "processes:fully_bayesian_gp",
        (),
    ),
    Row(
        "variational-gp",
        "classification, regression",
        "nothing: a table, or few pixels",
        "Titsias 2009; Hensman et al. 2015; Wilson et al. 2020",
        "processes:variational_gp",
        (),
    ),
    Row(
        "dirichlet-gp",
        "classification",
        "nothing: a table, or few pixels; at most 4000 labels",
        "Milios et al. 2018",
        "processes:dirichlet_gp",
        (),
    ),
    Row(
        "deep-kernel-gp",
        "classification, regression",
        "a network that ends in a linear layer",
        "van Amersfoort et al. 2021",
        "processes:deep_kernel_gp",
        FEATURES,
    ),
    Row(
        "spn",
        "classification",
        "a network that ends in a linear layer",
        "Khosravani and Zilles 2024; random structures by Peharz et al. 2019, 2020",
        "circuits:spn",
        FEATURES,
    ),
    Row(
        "nomu",
        "regression",
        "nothing but the data: it trains networks of its own",
        "Heiss et al. 2022",
        "nomu:nomu",
        FEATURES,
    ),
    Row(
        "loss-prediction",
        "any",
        "a network with dropout; trains a module that predicts its loss",
        "Yoo and Kweon 2019",
        "judged:loss_prediction",
    ),
    Row(
        "vaal",
        "any",
        "a network with dropout; trains an autoencoder of the whole pool and a discriminator",
        "Sinha et al. 2019",
        "judged:vaal",
    ),
    Row(
        "waal",
        "classification",
        "a network with dropout that ends in a linear layer; trains a critic of the whole pool's features",
        "Shui et al. 2020",
        "judged:waal",
    ),
    Row(
        "pyro-svi",
        "any",
        "a small network of its own",
        "Graves 2011; Blundell et al. 2015; Bingham et al. 2019",
        "pyro:svi",
        (),
    ),
    Row(
        "pyro-nuts",
        "classification, regression",
        "a small network of its own, and patience",
        "Hoffman and Gelman 2014; Bingham et al. 2019",
        "pyro:nuts",
        (),
    ),
)
"""Names for ``--posterior``; a ``module:name`` of the user's own is as good. ``tasks`` is "any", or some of
"classification", "regression", "multilabel"."""


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
