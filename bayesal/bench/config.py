"""What a run is, as one YAML file: the same words as the flags of ``bayesal run``."""

# Settled settings lose their default on purpose; pydantic's fields are keywords, so their order does not matter.
# pyright: reportGeneralTypeIssues=false

from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, Field, ValidationError, field_serializer, field_validator, model_validator

Config = TypeVar("Config", bound=BaseModel)
LABELS, ANSWERS, SPENT = "labels", "answers", "cost"
"""What a budget counts: labels or, where more is bought, answers or, where labels have prices, what they cost."""
WHERE_AND_HOW_FAST = {"workers", "out"}
"""What does not change the results: two configurations that differ only here are the same run."""


class TrainingConfig(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """How the model is trained in every round. None means the default for the data, filled in when a run starts."""

    epochs: int | None = Field(default=None, ge=1)
    """At most this many epochs."""
    epoch_size: int | None = Field(default=None, ge=1)
    """Points drawn in an epoch, however few labels there are; an epoch is thus the same work in every round."""
    batch_size: int | None = Field(default=None, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    weight_decay: float | None = Field(default=None, ge=0)
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation loss after which training stops and goes back to the best."""


class RunConfig(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """A comparison of methods on one data set. None means the default for the data, filled in when the run starts."""

    data: str = Field(min_length=1)
    """A name (digits, mnist, ...) or the path of a .npz, .parquet or .csv file or a folder of images."""
    target: str | None = None
    """The column (or array) of the labels, in a file of the user's."""
    cost: str | None = None
    """The column (or array) of what each point's label costs: the budget is in its units then."""
    task: Literal["classification", "regression", "multilabel"] | None = None
    posterior: str | None = None
    """What is trained, for the baseline as for every method. None: what the methods name, else mc-dropout."""
    network: str | None = None
    """``module:name`` of what makes a network, for posteriors that take one; None: the default for the data."""
    methods: tuple[str, ...] | None = Field(default=None, min_length=1)
    baseline: str | None = "random"
    """The method every other is compared with; null for none."""
    batch_size: int = Field(default=10, ge=1)
    budget: float | None = Field(default=None, gt=0)
    """Labels in all at the end, the initial ones included, as the literature counts; with ``cost``, what they cost."""
    initial: int | None = Field(default=None, ge=1)
    """Labels at the start, the same for every method of a seed; balanced over the classes."""
    start: str | None = None
    """The method that chooses the initial labels while nothing is known, for every method alike: random, typiclust, ...
    None, or balanced, for labels drawn evenly from the classes."""
    seeds: int = Field(default=5, ge=1)
    first_seed: int = Field(default=0, ge=0)
    num_hypotheses: int = Field(default=100, ge=1)
    test_hypotheses: int | None = Field(default=None, ge=1)
    """Hypotheses whose predictions are averaged on the test points; by default ``num_hypotheses``."""
    num_configurations: int = Field(default=10_000, ge=1)
    """Joint label configurations a joint method samples."""
    validation: int | None = Field(default=None, ge=0)
    """Labelled points held out to stop the training early, beyond the budget; 0 for none."""
    pool_size: int | None = Field(default=None, ge=1)
    """A random subset of the pool, drawn by the seed."""
    test_size: int | None = Field(default=None, ge=1)
    repeat: int = Field(default=1, ge=1)
    """Copies of every pool point, each with its own noise, as in repeated MNIST."""
    noise: float | None = Field(default=None, ge=0)
    """Standard deviation of that noise on normalised inputs; by default 0.1 when repeated."""
    relevant: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Only these classes are tested; all others are one class "other" that only the pool has."""
    rare: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Classes of which the pool keeps only ``rare_share``, while the test part stays as it is."""
    rare_share: float = Field(default=0.1, gt=0, lt=1)
    strange: tuple[int, ...] | None = Field(default=None, min_length=1)
    """Classes that nobody can label: they are in the pool only, and asking for one costs an answer."""
    distinct: float | None = Field(default=None, gt=0, le=1)
    """Near duplicates are set aside before any method chooses, the baseline too: points whose inputs have at least this
    cosine similarity with a labelled one or another."""
    label_noise: float | None = Field(default=None, gt=0, lt=1)
    """The probability that an answer of the oracle is another class, drawn evenly."""
    repeat_answers: int = Field(default=1, ge=1)
    """So many annotators are asked about a point until most of them agree; each of their answers counts."""
    num_targets: int | None = Field(default=None, ge=1)
    """Target inputs a target-aware method draws in a round. None: as many as the method draws by itself."""
    training: TrainingConfig = TrainingConfig()
    threads: int = Field(default=1, ge=1)
    """Threads of one worker. Sums depend on it in their last digits, so it is part of the recipe."""
    workers: int | None = Field(default=None, ge=1)
    """Studies run at the same time; by default one a core. The results do not depend on it."""
    smoke: bool = False
    """Shrink everything to seconds: to see that a run works, not to learn from it."""
    out: str | None = None

    @field_validator("methods", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("budget")
    @classmethod
    def _whole_where_it_is(cls, value: float | int | None) -> float | int | None:
        return int(value) if value is not None and value == int(value) else value

    @field_serializer("budget")
    def _as_it_is(self, value: float | int | None) -> Any:
        return value

    @field_validator("start")
    @classmethod
    def _usual_start(cls, value: str | None) -> str | None:
        return None if value == "balanced" else value

    @model_validator(mode="after")
    def _fits_together(self) -> "RunConfig":
        if self.methods is not None and len(set(self.methods)) < len(self.methods):
            twice = next(name for name in self.methods if self.methods.count(name) > 1)
            raise ValueError(f"the method {twice!r} is named twice; name each once")
        if self.cost is None and isinstance(self.budget, float):
            raise ValueError(f"the budget of {self.budget:g} labels must be a whole number, unless there is a cost")
        if self.cost is None and self.budget is not None and self.initial is not None and self.budget < self.initial:
            raise ValueError(
                f"the budget of {self.budget} labels is below the {self.initial} initial ones it includes; raise it"
            )
        if self.strange is not None and self.shifted_classes:
            raise ValueError("strange classes change what the numbers of the others mean: leave out relevant and rare")
        return self

    @property
    def shifted_classes(self) -> bool:
        return self.relevant is not None or self.rare is not None

    @property
    def shifted(self) -> bool:
        """Whether the pool's points are distributed otherwise than the test points."""
        return self.shifted_classes or self.strange is not None

    @property
    def counts_answers(self) -> bool:
        """Whether more is bought than labels: answers that give none count then."""
        return self.strange is not None or self.repeat_answers > 1

    @property
    def counts(self) -> str:
        """The column of the results that says what the budget counts: labels, answers, or what they cost."""
        return SPENT if self.cost is not None else ANSWERS if self.counts_answers else LABELS

    @property
    def all_methods(self) -> tuple[str, ...]:
        """The methods to run, the baseline last and only once."""
        named = self.methods or ()
        return named if self.baseline is None or self.baseline in named else (*named, self.baseline)

    @property
    def all_seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.seeds)

    def same_run(self, other: "RunConfig") -> bool:
        """Whether both give the same results."""
        return not self.differences(other)

    def differences(self, other: "RunConfig") -> dict[str, tuple[Any, Any]]:
        """The settings in which two runs differ, as ``{name: (here, there)}``."""
        here, there = (_flat(config) for config in (self, other))
        return {name: (here[name], there[name]) for name in here if here[name] != there[name]}

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.model_dump(mode="json", exclude={"out"}), sort_keys=False, allow_unicode=True)


class SettledTraining(TrainingConfig, frozen=True):
    """Training with nothing left open."""

    epochs: int
    epoch_size: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int


class SettledConfig(RunConfig, frozen=True):
    """A run with nothing left open that decides its results; what is still None means "none" or "all"."""

    posterior: str
    methods: tuple[str, ...]
    budget: float
    initial: int
    test_hypotheses: int
    validation: int
    noise: float
    training: SettledTraining


def configure(settings: dict[str, Any]) -> RunConfig:
    """A configuration of these settings. Raises ValueError with one sentence for the first that is wrong."""
    return _validated(RunConfig, settings)


def configure_settled(settings: dict[str, Any]) -> SettledConfig:
    """The same where nothing is left open."""
    return _validated(SettledConfig, settings)


def read_settings(path: str | Path) -> dict[str, Any]:
    """The settings in a YAML file, unchecked. Raises ValueError with one sentence if it cannot be read."""
    try:
        settings = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ValueError(f"there is no configuration at {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the configuration {path}: {error}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{path} must hold settings as 'name: value' lines, but it holds {type(settings).__name__}")
    return settings


def override(settings: dict[str, Any], flags: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings of a file with the flags put before them, and which of the file's values gave way to which."""
    merged = {**settings, **flags}
    training = settings.get("training")
    if isinstance(training, dict) and isinstance(flags.get("training"), dict):
        merged["training"] = {**training, **flags["training"]}
    return merged, [
        f"{name} {merged[name]!r} (file: {value!r})" for name, value in settings.items() if merged[name] != value
    ]


def _validated(kind: type[Config], settings: dict[str, Any]) -> Config:
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise ValueError(_sentence(error)) from error


def _flat(config: RunConfig) -> dict[str, Any]:
    settings = config.model_dump(mode="json", exclude=WHERE_AND_HOW_FAST)
    training = settings.pop("training")
    return settings | {f"training.{name}": value for name, value in training.items()}


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        model = TrainingConfig if first["loc"][0] == "training" else RunConfig
        return f"there is no setting {where!r}; there are {', '.join(model.model_fields)}"
    if not where:
        return message
    if first["type"] == "missing":
        return f"the setting {where!r} is missing"
    return f"{where} is {first['input']!r}, but it {message.removeprefix('Input ')}"
