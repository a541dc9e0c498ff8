"""Expected log-likelihoods and their variances against sums over labels, and integrals on a grid."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Distribution, Gamma, Independent, Normal

from bayesal.numerics.expected_likelihood import expected_log_likelihood, signature_variance

seeds = st.integers(0, 2**32 - 1)


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def by_labels(points: list) -> tuple[list[list[float]], list[float]]:
    """E ln p_k(y) of every point and hypothesis, and (1/K) Σ_k Var(l_k - l̄); ``points[n][k][c]`` are probabilities."""
    means, variances = [], []
    for point in points:
        size, classes = len(point), range(len(point[0]))
        label = [math.fsum(p[c] for p in point) / size for c in classes]
        means.append([math.fsum(label[c] * math.log(p[c]) for c in classes) for p in point])
        apart = [[math.log(p[c]) - sum(math.log(q[c]) for q in point) / size for c in classes] for p in point]
        centre = [math.fsum(label[c] * row[c] for c in classes) for row in apart]
        squares = [
            math.fsum(label[c] * (row[c] - middle) ** 2 for c in classes)
            for row, middle in zip(apart, centre, strict=True)
        ]
        variances.append(math.fsum(squares) / size)
    return means, variances


def by_grid(loc: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, float]:
    """The same of one amount whose K Normals are given, by an even grid over its mixture."""
    width = 12 * scale.max()
    y = np.linspace(loc.min() - width, loc.max() + width, 20_001)
    logs = -0.5 * np.log(2 * np.pi) - np.log(scale)[:, None] - 0.5 * ((y - loc[:, None]) / scale[:, None]) ** 2
    weights = np.exp(logs).mean(0) * (y[1] - y[0])
    apart = logs - logs.mean(0)
    return logs @ weights, float((((apart - (apart @ weights)[:, None]) ** 2) @ weights).mean())


@given(seed=seeds)
def test_classes_are_summed_over(seed: int):
    logits = numbers(seed, 3, 4, 5)
    means, variances = by_labels(logits.softmax(-1).tolist())
    predictions = Categorical(logits=logits)
    np.testing.assert_allclose(expected_log_likelihood(predictions, predictions), means, rtol=1e-10)
    np.testing.assert_allclose(signature_variance(predictions), variances, rtol=1e-9)


@given(seed=seeds)
def test_yes_and_no_are_two_classes(seed: int):
    logits = numbers(seed, 3, 4)
    predictions = Bernoulli(logits=logits)
    means, variances = by_labels(torch.stack([(-logits).sigmoid(), logits.sigmoid()], -1).tolist())
    np.testing.assert_allclose(expected_log_likelihood(predictions, predictions), means, rtol=1e-10)
    np.testing.assert_allclose(signature_variance(predictions), variances, rtol=1e-9)


@settings(max_examples=20)
@given(seed=seeds, same=st.booleans())
def test_amounts_are_integrated_over(seed: int, same: bool):
    loc, scale = numbers(seed, 2, 4) + 100, numbers(seed + 1, 2, 4).exp()
    scale = scale[:1, :1].expand(2, 4) if same else scale
    predictions = Normal(loc, scale)
    means, variances = zip(*(by_grid(loc[n].numpy(), scale[n].numpy()) for n in range(2)), strict=True)
    np.testing.assert_allclose(expected_log_likelihood(predictions, predictions), means, rtol=1e-6)
    np.testing.assert_allclose(signature_variance(predictions), variances, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", ["labels", "maps", "amounts"])
def test_many_labels_of_a_point_are_summed(kind: str):
    values = numbers(0, 3, 4, 2, 5)
    base, whole, events = {
        "labels": (lambda v: Bernoulli(logits=v), values[..., 0, :], 1),
        "maps": (lambda v: Categorical(logits=v), values, 1),
        "amounts": (lambda v: Normal(v, 1.5), values[..., 0, :], 1),
    }[kind]
    predictions = Independent(base(whole), events)
    parts = [base(whole.select(2, place)) for place in range(whole.shape[2])]
    expected = sum(expected_log_likelihood(part, part) for part in parts)
    torch.testing.assert_close(expected_log_likelihood(predictions, predictions), expected)
    torch.testing.assert_close(signature_variance(predictions), sum(map(signature_variance, parts)))


def test_the_label_may_follow_other_predictions():
    few, many = Categorical(logits=numbers(0, 3, 2, 4)), Categorical(logits=numbers(1, 3, 7, 4))
    expected = torch.einsum("nc,nkc->nk", many.probs.mean(1), few.logits)
    torch.testing.assert_close(expected_log_likelihood(few, many), expected)
    amounts, others = Normal(numbers(2, 3, 2), 0.5), Normal(numbers(3, 3, 6), 2.0)
    off = (others.loc[:, None] - amounts.loc[:, :, None]).square().mean(2) + 4
    expected = -0.5 * math.log(2 * math.pi) - math.log(0.5) - 0.5 * off / 0.25
    torch.testing.assert_close(expected_log_likelihood(amounts, others), expected)


def test_points_in_any_chunk_are_the_same_and_none_are_none():
    logits = torch.randn(3000, 20, 10, generator=Generator().manual_seed(0))
    for score in (lambda p: expected_log_likelihood(p, p), signature_variance):
        whole = score(Categorical(logits=logits))
        torch.testing.assert_close(whole[7:9], score(Categorical(logits=logits[7:9])))
        assert score(Categorical(logits=logits[:0], validate_args=False)).shape == (0, *whole.shape[1:])
        assert score(Normal(logits[:0, :, 0], 1.0)).shape == (0, *whole.shape[1:])


def test_hypotheses_that_agree_leave_no_variance():
    agreeing = numbers(0, 4, 1, 3).expand(4, 6, 3)
    assert float(signature_variance(Categorical(logits=agreeing)).max()) < 1e-20
    assert float(signature_variance(Normal(agreeing[..., 0], 0.3)).max()) < 1e-20


@pytest.mark.parametrize(
    ("predictions", "marginal", "sentence"),
    [
        (Gamma(torch.ones(2, 3), 1.0), None, "the expected log-likelihood of Gamma is not known"),
        (Categorical(torch.ones(2, 3)), None, "predictions need the axes"),
        (Normal(torch.ones(2), 1.0), None, "predictions need the axes"),
        (Categorical(torch.ones(2, 3, 4)), Normal(torch.ones(2, 3), 1.0), "of the same kind and number of points"),
        (Normal(torch.ones(2, 3), 1.0), Normal(torch.ones(4, 3), 1.0), "of the same kind and number of points"),
        (
            Independent(Normal(torch.ones(2, 3, 1), 1.0), 1),
            Normal(torch.ones(2, 3), 1.0),
            "of the same kind and number of points",
        ),
        (
            Categorical(logits=torch.full((2, 3, 4), torch.nan), validate_args=False),
            None,
            "are not a distribution",
        ),
        (Normal(torch.full((2, 3), torch.inf), 1.0, validate_args=False), None, "are not a distribution"),
        (Categorical(torch.eye(2)[None]), None, "gives probability 0 to a label of point 0 that others think"),
    ],
)
def test_what_has_no_likelihood_gets_a_sentence(
    predictions: Distribution, marginal: Distribution | None, sentence: str
):
    with pytest.raises(ValueError, match=sentence):
        expected_log_likelihood(predictions, predictions if marginal is None else marginal)
    if marginal is None:
        with pytest.raises(ValueError, match=sentence):
            signature_variance(predictions)
