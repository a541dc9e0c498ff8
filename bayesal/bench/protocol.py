"""What a setting left open means: the literature's protocol for the data, and what must hold before training starts."""

from typing import Any

import numpy as np

from bayesal.bench.bought import typical_price
from bayesal.bench.config import RunConfig, SettledConfig, configure_settled
from bayesal.bench.defaults import PROTOCOL_SHAPE, point_shape
from bayesal.bench.learners import check_network, check_posterior
from bayesal.bench.needs import check_needs, posterior_for, works_blind
from bayesal.bench.posteriors import POSTERIORS
from bayesal.bench.tasks import num_targets_of
from bayesal.data.dataset import DataSet
from bayesal.methods import describe, named

DEMO: dict[str, Any] = {
    "data": "digits",
    "posterior": "mc-dropout",
    "methods": ["batchbald", "bald"],
    "batch_size": 10,
    "initial": 20,
    "budget": 100,
    "seeds": 5,
    "num_hypotheses": 50,
}
"""``bayesal demo``."""

COMMON = {"epoch_size": 1024, "batch_size": 64, "weight_decay": 1e-4, "patience": 3}


def settle(config: RunConfig, data: DataSet, *, simulated: bool = True) -> SettledConfig:
    """The configuration with every None filled in for this data and, with ``smoke``, shrunk. Settling again changes
    nothing. Unless ``simulated``, people will answer, and no sizes are checked.

    Raises ValueError, in one sentence, for what cannot be run.
    """
    if data.kind == "regression" and data.labels is not None and data.labels.ndim > 1:
        raise ValueError(f"{data.name} has {data.labels.shape[1]} amounts a point; a run takes one: choose a column")
    settled = _filled(config, data)
    if settled.smoke:
        settled = _shrunk(settled, data)
    _check_shift(settled, data)
    check_posterior(settled.posterior, trained=simulated)
    check_network(settled.network, settled.posterior)
    _check_methods(settled, data)
    if simulated:
        _check_sizes(settled, data)
    return settled


def _filled(config: RunConfig, data: DataSet) -> SettledConfig:
    protocol = _protocol(data)
    available = max(1, len(data) - (protocol["validation"] if config.validation is None else config.validation))
    initial = config.initial or min(2 * len(data.class_names) or 10, max(1, available // 2))
    posterior = posterior_for(config.all_methods) if config.posterior is None else config.posterior
    settings = {
        **protocol,
        "posterior": posterior,
        "methods": (_default_method(config, data, posterior),),
        "initial": initial,
        "budget": _units(data, min(initial + 10 * config.batch_size, config.repeat * available)),
        "noise": 0.1 if config.repeat > 1 else 0.0,
        "test_hypotheses": protocol.get("test_hypotheses", config.num_hypotheses),
    }
    training = {**settings.pop("training"), **config.training.model_dump(exclude_none=True)}
    given = config.model_dump(exclude_none=True)
    kept = {"baseline": config.baseline}
    return configure_settled({**settings, **given, **kept, "training": training})


def _units(data: DataSet, labels: int) -> float | int:
    """About what so many labels cost: of few points only half, because those of a seed may be the cheaper ones."""
    if data.prices is None:
        return labels
    return float(f"{typical_price(data.prices) * min(labels, max(1, len(data) // 2)):.3g}")


def _default_method(config: RunConfig, data: DataSet, posterior: str) -> str:
    if config.cost is not None:
        return "bald"  # which looks at prices
    if data.kind == "classification":
        return "batchbald"
    offered = next((row.offers for row in POSTERIORS if row.name == posterior), ())
    return "lcmd" if data.kind == "regression" and "Differentiable" in offered else "bald"


def _protocol(data: DataSet) -> dict[str, Any]:
    if data.image and point_shape(data) == PROTOCOL_SHAPE:
        training = {"epochs": 30, "epoch_size": 5056, "learning_rate": 1e-3, "weight_decay": 0.0}
        return {"validation": 1024, "test_hypotheses": 20, "training": {**COMMON, **training}}
    # Without validation points nothing but the number of epochs keeps a network from over-fitting a few labels.
    training = {"epochs": 12, "learning_rate": 3e-3} if data.image else {"epochs": 10, "learning_rate": 1e-3}
    return {"validation": 0, "training": {**COMMON, **training}}


def _shrunk(config: SettledConfig, data: DataSet) -> SettledConfig:
    training, batch_size = config.training, min(config.batch_size, 5)
    small = {
        "seeds": min(config.seeds, 2),
        "batch_size": batch_size,
        "budget": _short(config, data, batch_size),
        "pool_size": min(config.pool_size or 200, max(200, config.initial + 20)),
        "test_size": min(config.test_size or 200, 200),
        "validation": min(config.validation, 32),
        "num_hypotheses": min(config.num_hypotheses, 8),
        "test_hypotheses": min(config.test_hypotheses, 8),
        "num_configurations": min(config.num_configurations, 200),
    }
    shorter = {"epochs": min(training.epochs, 4), "epoch_size": min(training.epoch_size, 128)}
    return config.model_copy(update={**small, "training": training.model_copy(update=shorter)})


def _short(config: SettledConfig, data: DataSet, batch_size: int) -> float | int:
    """A budget for two batches; where labels have prices, also if the initial ones are the dearest."""
    if data.costs is None:
        return max(config.initial, min(config.budget, config.initial + 2 * batch_size))
    dearest = np.sort(data.costs[~np.isnan(data.costs)])[::-1][: config.initial]
    return min(config.budget, float(f"{dearest.sum() + 2 * batch_size * typical_price(data.prices):.3g}"))


def _check_shift(config: SettledConfig, data: DataSet) -> None:
    if not config.shifted:
        return
    if data.kind != "classification":
        raise ValueError(f"relevant and rare classes need classes, but {data.name} is {data.kind}")
    assert data.labels is not None
    if config.relevant is not None:
        alike, wanted = int((data.labels < len(config.relevant)).sum()), config.validation + num_targets_of(data)
        if alike < wanted + 2 * len(config.relevant):
            raise ValueError(
                f"{data.name} has {alike} points of the relevant classes; {config.validation} for validation and "
                f"{wanted - config.validation} targets leave too few in the pool: lower --validation"
            )
    if config.strange is not None and int(data.known.sum()) < config.validation + num_targets_of(data) + config.initial:
        raise ValueError(
            f"{data.name} has {int(data.known.sum())} points that can be labelled, too few for {config.validation} to "
            f"validate on, {num_targets_of(data)} targets and {config.initial} initial labels: lower --validation"
        )
    strange = [value for value in config.rare or () if not 0 <= value < len(data.class_names)]
    if strange:
        raise ValueError(
            f"{data.name} has the classes 0 ... {len(data.class_names) - 1}, so {strange[0]} cannot be rare"
        )


def _left_out(config: SettledConfig, data: DataSet) -> int:
    """About how many points a shifted pool lacks: its targets, and most of the rare classes."""
    if not config.shifted:
        return 0
    assert data.labels is not None
    rare = sum(int((data.labels == value).sum()) for value in config.rare or ())
    return num_targets_of(data) + round((1 - config.rare_share) * rare)


def _check_methods(config: SettledConfig, data: DataSet) -> None:
    suited = {row.name: row.tasks for row in describe()}
    works = [name for name, tasks in suited.items() if tasks == "any" or data.kind in tasks]
    if config.start is not None and ":" not in config.start and not works_blind(config.start):
        named(config.start)
        blind = ", ".join(row.name for row in describe() if works_blind(row.name))
        raise ValueError(
            f"the method {config.start} needs a model, and there is none at the start: give --start balanced, {blind}, "
            "or your own as module:name"
        )
    for name in config.all_methods:
        named(name)
        if name in suited and name not in works and data.kind != "unlabelled":
            raise ValueError(
                f"the method {name} is for {suited[name]}, but {data.name} is {data.kind}; "
                f"methods that work: {', '.join(works)}"
            )
    check_needs(config.all_methods, config.posterior)


def _check_sizes(config: SettledConfig, data: DataSet) -> None:
    distinct = len(data) - config.validation - _left_out(config, data)
    if distinct <= config.initial:
        raise ValueError(
            f"{data.name} has {len(data)} labelled points; {config.validation} for validation and {config.initial} "
            "initial ones leave none to choose from: lower --validation or --initial"
        )
    if config.pool_size is not None:
        distinct = min(distinct, config.pool_size)
        if distinct < config.initial:
            raise ValueError(
                f"the pool of {distinct} points is smaller than the {config.initial} initial labels; raise --pool-size"
            )
    size = config.repeat * distinct
    if config.cost is None and config.budget > size * config.repeat_answers:
        raise ValueError(f"the budget of {config.budget} labels exceeds the pool of {size} points; lower --budget")
    if config.batch_size > size - config.initial:
        left = size - config.initial
        raise ValueError(
            f"a batch of {config.batch_size} was asked for, but the pool has {left} unlabelled points; "
            "lower --batch-size"
        )
