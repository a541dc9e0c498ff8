"""Parts by name: a method of the table, or anything of the user's own as ``module:name``."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from inspect import Parameter, signature
from typing import Any

from torch import Tensor, nn

from bayesal.bench.config import RunConfig
from bayesal.bench.tasks import Task
from bayesal.bench.wording import begin, spell
from bayesal.methods import named
from bayesal.strategies import Blind, Distinct, Strategy, per_cost
from bayesal.types import Id, Label


def load_named(name: str, what: str) -> Any:
    """The object at ``module:name``. Raises ValueError saying what could not be found, and where it was looked for."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise ValueError(f"{what} {name!r} must be written module:name, e.g. my_models:make_net")
    try:
        value: Any = import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or module
        hint = " in this folder or among the installed packages" if missing == module.split(".")[0] else ""
        raise ValueError(f"cannot load {what} {name!r}: there is no module {missing!r}{hint}") from error
    except Exception as error:
        raise ValueError(f"cannot load {what} {name!r}: importing {module} fails: {_first_line(error)}") from error
    for part in attribute.split("."):
        if not hasattr(value, part):
            raise ValueError(f"cannot load {what} {name!r}: {module} has no {part!r}")
        value = getattr(value, part)
    return value


@dataclass(frozen=True, eq=False)
class Around:
    """What a run knows beside the pool, for methods that take it by these names: the learner, labelled validation
    points, target inputs without labels, where the run is a simulation every answer, what each label costs, and whether
    labels are amounts."""

    learner: Any = None
    validation: tuple[Tensor, Tensor] | None = None
    targets: Tensor | None = None
    answers: Mapping[Id, Label] | None = None
    costs: Mapping[Id, float] | None = None
    amounts: bool | None = None


def around(task: Task, learner: Any) -> Around:
    """What the run of this task knows; not every answer where some points have none."""
    complete = len(task.answers) == len(task.pool)
    answers = task.answers if complete else None
    return Around(learner, task.validation, task.targets, answers, task.data.prices, task.kind == "regression")


def method_for(config: RunConfig, name: str, around: Around | None = None) -> Strategy[Any]:
    """The strategy of this name, with what the configuration and the run say where it takes that.

    A ``module:name`` of the user's may be a strategy, or a function that makes one when called without arguments. Where
    labels have prices it looks at them if it can.
    """
    plain = _method_for(config, name, around)
    strategy = _priced(plain, around) or plain
    return strategy if config.distinct is None else Distinct(strategy, similarity=config.distinct)


def heedless(config: RunConfig, name: str, around: Around) -> list[str]:
    """A sentence about a method that does not look at prices, where labels have some; asking at random need not."""
    strategy = _method_for(config, name, around)
    if around.costs is None or looks_at_nothing(strategy) or _priced(strategy, around) is not None:
        return []
    return [f"{begin(spell(name))} does not look at what labels cost: it chooses as if all cost the same"]


def _priced(strategy: Strategy[Any], around: Around | None) -> Strategy[Any] | None:
    if around is None or around.costs is None:
        return None
    return per_cost(strategy, around.costs, amounts=bool(around.amounts))


def looks_at_nothing(strategy: Strategy[Any]) -> bool:
    """Whether its picks have no scores."""
    return isinstance(strategy.then if isinstance(strategy, Distinct) else strategy, Blind)


def _method_for(config: RunConfig, name: str, around: Around | None) -> Strategy[Any]:
    made: Any = named(name)
    settings = {
        "num_hypotheses": config.num_hypotheses,
        "num_configurations": config.num_configurations,
        "num_targets": config.num_targets,
    }
    settings |= {} if around is None else {field.name: getattr(around, field.name) for field in fields(around)}
    settings = {key: value for key, value in settings.items() if value is not None}
    parameters = signature(made).parameters
    required = (p for p in parameters.values() if p.default is Parameter.empty)
    if any(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in required):
        return made
    return made(**{key: value for key, value in settings.items() if key in parameters})


def start_for(config: RunConfig, around: Around | None = None) -> Strategy[Any] | None:
    """What chooses the initial labels, if a method does."""
    return None if config.start is None else method_for(config, config.start, around)


def made(value: Any, name: str) -> Any:
    """The object itself, or what a class or a function without arguments makes."""
    makes = callable(value) and not isinstance(value, nn.Module) and not hasattr(value, "draw")
    if not (makes or isinstance(value, type)):
        return value
    try:
        return value()
    except Exception as error:
        raise ValueError(
            f"{name} must be callable without arguments, but calling it fails: {_first_line(error)}"
        ) from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
