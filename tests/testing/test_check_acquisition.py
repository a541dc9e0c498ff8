"""The laws of acquisitions: ours keep them, broken ones are caught."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution

from bayesal import acquisitions
from bayesal.testing import LawBroken, check_acquisition

CLASSES = ("classification",)


@pytest.mark.parametrize("name", ["entropy", "bald"])
def test_ours_hold_for_every_task(name: str) -> None:
    check_acquisition(getattr(acquisitions, name), tasks=("classification", "multilabel", "regression", "dense"))


@pytest.mark.parametrize("name", ["least_confidence", "margin", "variation_ratio", "mean_std"])
def test_ours_hold_for_classes(name: str) -> None:
    check_acquisition(getattr(acquisitions, name), tasks=CLASSES)


def test_variance_holds_for_regression() -> None:
    check_acquisition(acquisitions.variance, tasks=("regression",))


def _probs(d: Distribution) -> Tensor:
    if not isinstance(d, Categorical):
        raise ValueError("classes only")
    return d.probs  # type: ignore[return-value]


def _naive_entropy(d: Distribution) -> Tensor:
    p = _probs(d).mean(1)
    return -(p * p.log()).sum(-1)


def _first_hypothesis(d: Distribution) -> Tensor:
    return _probs(d)[:, 0].amax(-1)


def _relative_to_the_batch(d: Distribution) -> Tensor:
    scores = _probs(d).mean(1).amax(-1)
    return scores / scores.sum()


def _noisy(d: Distribution) -> Tensor:
    return _probs(d).mean(1).amax(-1) + torch.rand(len(_probs(d)))


def _vandal(d: Distribution) -> Tensor:
    return _probs(d).mean(1).amax(-1) + _halved(d)


def _halved(d: Distribution) -> float:
    assert isinstance(d, Categorical)
    d.probs.mul_(0.5)  # type: ignore[union-attr]
    return 0.0


def _unbiased_spread(d: Distribution) -> Tensor:
    return _probs(d).var(1, unbiased=True).sum(-1) if _probs(d).shape[1] > 1 else _probs(d).mean((1, 2)) * torch.nan


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (_naive_entropy, "certain hypotheses"),
        (_first_hypothesis, "order of hypotheses"),
        (_relative_to_the_batch, "chunks"),
        (_noisy, "global randomness"),
        (_vandal, "predictions unchanged"),
        (_unbiased_spread, "one hypothesis"),
        (lambda d: _probs(d).mean(1), "one score a point"),
        (lambda d: _probs(d).mean(1).amax(-1).flip(0), "order of points"),
        (lambda d: 1 / 0, "defined"),
    ],
)
def test_a_broken_acquisition_is_caught(broken: Callable[[Distribution], Tensor], law: str) -> None:
    with pytest.raises(LawBroken, match=law):
        check_acquisition(broken)


def test_a_task_that_must_be_defined_is_demanded() -> None:
    with pytest.raises(LawBroken, match="should score regression"):
        check_acquisition(acquisitions.margin, tasks=("regression",))
