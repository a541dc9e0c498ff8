"""Every score of one point × every task: a score and its map, or a sentence that names what to use instead."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal

from bayesal import acquisitions

N, K = 5, 6
CLASSES = {"classification", "multilabel", "dense"}
AMOUNTS = {"regression", "outputs"}
DEFINED: Mapping[str, set[str]] = {
    "entropy": CLASSES | AMOUNTS,
    "expected_entropy": CLASSES | AMOUNTS,
    "bald": CLASSES | AMOUNTS,
    "least_confidence": CLASSES,
    "margin": CLASSES,
    "variation_ratio": CLASSES,
    "mean_std": CLASSES,
    "balentacq": CLASSES,
    "variance": AMOUNTS,
    "moment_matched_entropy": AMOUNTS,
    "moment_matched_bald": AMOUNTS,
}
TASKS: Mapping[str, tuple[int, ...]] = {  # the labels of one point
    "classification": (),
    "multilabel": (3,),
    "regression": (),
    "outputs": (2,),
    "dense": (4, 3),
}
each_score = pytest.mark.parametrize("name", DEFINED)
each_task = pytest.mark.parametrize("task", TASKS)


def predictions_of(task: str) -> Any:
    generator = torch.Generator().manual_seed(0)
    numbers = 2 * torch.randn(N, K, *TASKS[task], 5, dtype=torch.float64, generator=generator)
    if task == "multilabel":
        label: Distribution = Bernoulli(logits=numbers[..., 0])
    elif task in AMOUNTS:
        label = Normal(numbers[..., 0], numbers[..., 1].exp())
    else:
        label = Categorical(logits=numbers)
    return Independent(label, len(TASKS[task])) if TASKS[task] else label


def score_of(name: str) -> Callable[[Distribution], Tensor]:
    return getattr(acquisitions, name)


def test_the_table_holds_every_score_of_one_point():
    """What is exported and takes nothing but predictions."""
    alone = set()
    for name in dir(acquisitions):
        score = getattr(acquisitions, name)
        if not name.startswith("_") and callable(score):
            required = [
                parameter
                for parameter in inspect.signature(score).parameters.values()
                if parameter.default is parameter.empty
            ]
            if [parameter.name for parameter in required] == ["predictions"]:
                alone.add(name)
    assert alone == set(DEFINED) | {"discrepancy"}  # which is of two hypotheses: see test_discrepancy.py


@each_score
@each_task
def test_a_score_and_its_map_or_a_sentence_that_helps(name, task):
    predictions = predictions_of(task)
    if task in DEFINED[name]:
        scores = score_of(name)(predictions)
        assert scores.shape == (N,)
        assert scores.isfinite().all()
        if TASKS[task]:
            per_label = score_of(name)(predictions.base_dist)
            assert per_label.shape == (N, *TASKS[task])
            torch.testing.assert_close(scores, per_label.flatten(1).sum(1))
    else:
        with pytest.raises(ValueError, match=rf"{name} is for") as refusal:
            score_of(name)(predictions)
        named = [other for other in DEFINED if re.search(rf"\b{other}\b", str(refusal.value).removeprefix(name))]
        assert named
        for other in named:
            assert score_of(other)(predictions).isfinite().all(), f"{name} of {task} is sent to {other}, in vain"


@pytest.mark.parametrize(("name", "task"), [(n, t) for n in DEFINED for t in TASKS if t in DEFINED[n] and TASKS[t]])
def test_the_map_of_one_label_is_the_score_of_that_label_alone(name, task):
    base = predictions_of(task).base_dist
    last = tuple(size - 1 for size in TASKS[task])
    at = (slice(None), slice(None), *last)
    if isinstance(base, Categorical):
        alone: Distribution = Categorical(logits=base.logits[at])
    elif isinstance(base, Bernoulli):
        alone = Bernoulli(logits=base.logits[at])
    else:
        alone = Normal(base.loc[at], base.scale[at])
    torch.testing.assert_close(score_of(name)(base)[(slice(None), *last)], score_of(name)(alone), rtol=1e-9, atol=1e-12)
