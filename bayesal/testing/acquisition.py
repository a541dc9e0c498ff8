"""The laws of an acquisition: predictions of K hypotheses at N points become N scores."""

import warnings
from collections.abc import Callable, Iterator
from typing import TypeAlias

import torch
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal.testing.findings import Finding, first_line, law, leaves_global_generator, require
from bayesal.testing.outputs import numbers

Acquisition: TypeAlias = Callable[[Distribution], Tensor]
Parameters: TypeAlias = tuple[Tensor, ...]
Task: TypeAlias = tuple[str, Parameters, Callable[[Parameters], Distribution]]


def check_acquisition(
    acquisition: Acquisition, *, tasks: tuple[str, ...] | None = None, seed: int = 0
) -> list[Finding]:
    """Prove the laws of an acquisition, or raise ``LawBroken``.

    Laws, for every task where it is defined (elsewhere it must raise a ValueError): N points give N finite scores ·
    another order of points gives the same scores, another order of hypotheses too · chunks change nothing · no points
    give no scores · one hypothesis gives no NaN, or is refused with a ValueError · certain hypotheses that disagree
    give no NaN · float32 agrees with float64 · the predictions and the global generator are left alone.

    ``tasks``: of "classification", "multilabel", "regression", "dense", those where it must be defined (default: any).
    """
    return require(examine_acquisition(acquisition, tasks=tasks, seed=seed))


def examine_acquisition(
    acquisition: Acquisition, *, tasks: tuple[str, ...] | None = None, seed: int = 0
) -> list[Finding]:
    """The findings of ``check_acquisition``, broken laws included."""
    findings: list[Finding] = []
    defined = []
    for name, parameters, make in _tasks(seed):
        try:
            _scores(acquisition, make(parameters))
        except ValueError as error:
            if tasks is not None and name in tasks:
                findings.append(Finding("defined", False, f"it should score {name}, but raises {first_line(error)}"))
            continue
        except Exception as error:
            findings.append(Finding("defined", False, f"on {name} it fails with {first_line(error)}"))
            continue
        defined.append(name)
        findings += _laws(acquisition, name, parameters, make)
    if not defined and not findings:
        findings.append(Finding("defined", False, "it raises for every task; expected scores for at least one"))
    return findings


def _laws(
    acquisition: Acquisition, task: str, parameters: Parameters, make: Callable[[Parameters], Distribution]
) -> Iterator[Finding]:
    def scores(change: Callable[[Tensor], Tensor]) -> Tensor:
        return _scores(acquisition, make(tuple(change(p) for p in parameters)))

    def judged(name: str, holds: Callable[[], bool], kept: str, broken: str) -> Finding:
        try:
            return law(name, holds(), f"{task}: {kept}", f"{task}: {broken}")
        except Exception as error:
            return Finding(name, False, f"{task}: {broken} ({first_line(error)})")

    expected = scores(lambda p: p)
    n, k = parameters[0].shape[:2]
    points = torch.randperm(n, generator=Generator().manual_seed(1))
    hypotheses = torch.arange(k).roll(1)
    yield judged(
        "one score a point",
        lambda: expected.shape == (n,) and bool(expected.isfinite().all()),
        f"{n} points give {n} finite scores",
        f"{n} points should give {n} finite scores, but gave shape {tuple(expected.shape)} or scores not finite",
    )
    if expected.shape != (n,):
        return
    yield judged(
        "order of points",
        lambda: _close(scores(lambda p: p[points]), expected[points]),
        "scores follow their points",
        "points in another order get other scores",
    )
    yield judged(
        "order of hypotheses",
        lambda: _close(scores(lambda p: p[:, hypotheses]), expected),
        "hypotheses have no order",
        "renumbering the hypotheses changes the scores",
    )
    yield judged(
        "chunks",
        lambda: _close(torch.cat([scores(lambda p, i=i: p[i : i + 3]) for i in range(0, n, 3)]), expected),
        "chunks change nothing",
        "a chunk of 3 points gets other scores than the whole",
    )
    yield judged(
        "no points",
        lambda: scores(lambda p: p[:0]).shape == (0,),
        "no points give no scores",
        "no points should give no scores",
    )
    yield judged(
        "one hypothesis",
        lambda: _scored_or_refused(lambda: scores(lambda p: p[:, :1])),
        "one hypothesis gives no NaN, or is refused",
        "one hypothesis gives NaN",
    )
    yield judged(
        "float32",
        lambda: _close(scores(lambda p: p.float()).double(), expected, 1e-4),
        "float32 agrees with float64 to 1e-4",
        "float32 differs from float64 by more than 1e-4",
    )
    if task != "regression":
        yield judged(
            "certain hypotheses",
            lambda: not bool(scores(_certain).isnan().any()),
            "hypotheses with probabilities of exactly 0 and 1 give no NaN",
            "hypotheses with probabilities of exactly 0 and 1 give NaN: take 0·ln 0 as 0",
        )
    yield judged(
        "predictions unchanged",
        lambda: _left_alone(acquisition, lambda: make(tuple(p.clone() for p in parameters))),
        "the predictions are left as they were",
        "it changes the predictions it was given",
    )
    yield leaves_global_generator("scoring", lambda: scores(lambda p: p))


def _tasks(seed: int) -> list[Task]:
    g = Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    return [
        ("classification", (3 * normal(10, 6, 4),), lambda p: Categorical(logits=p[0], validate_args=False)),
        (
            "multilabel",
            (3 * normal(10, 6, 4),),
            lambda p: Independent(Bernoulli(logits=p[0], validate_args=False), 1, validate_args=False),
        ),
        (
            "regression",
            (normal(10, 6), 0.1 + normal(10, 6).abs()),
            lambda p: Normal(p[0], p[1], validate_args=False),
        ),
        (
            "dense",
            (3 * normal(7, 5, 2, 3, 4),),
            lambda p: Independent(Categorical(logits=p[0], validate_args=False), 2, validate_args=False),
        ),
    ]


def _certain(logits: Tensor) -> Tensor:
    """Every hypothesis sure of its own favourite class: log-probabilities 0 and -inf."""
    if logits.ndim == 3 and logits.shape[-1] == 1:
        return logits
    best = logits == logits.amax(-1, keepdim=True)
    return torch.where(best, 0.0, -torch.inf).to(logits.dtype)


def _scores(acquisition: Acquisition, predictions: Distribution) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "one hypothesis" is worth a warning, not a failure
        return acquisition(predictions)


def _scored_or_refused(one_hypothesis: Callable[[], Tensor]) -> bool:
    """A score that is a disagreement may refuse what cannot disagree."""
    try:
        return not bool(one_hypothesis().isnan().any())
    except ValueError:
        return True


def _left_alone(acquisition: Acquisition, make: Callable[[], Distribution]) -> bool:
    predictions = make()
    _scores(acquisition, predictions)
    return torch.equal(numbers(predictions), numbers(make()))


def _close(a: Tensor, b: Tensor, tolerance: float = 1e-9) -> bool:
    return a.shape == b.shape and bool(((a - b).abs() <= tolerance * (1 + b.abs())).all())
