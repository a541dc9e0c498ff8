"""Signatures of losses against the cards' numbers and gradients by autograd."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Independent, Normal
from torch.nn.functional import cross_entropy

from bayesal.numerics.entropy import mixture_entropy
from bayesal.representations import gradient_signatures, label_model, log_likelihood_signatures, loss_signatures
from bayesal.representations.signatures import regression_signatures
from bayesal.selection import ACSFrankWolfe

seeds = st.integers(0, 2**32 - 1)


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def test_the_worked_log_likelihoods():
    logits = torch.tensor([[[1, 0], [0, 0.5]], [[0.2, -0.2], [1, 0]]], dtype=torch.float64)
    marginal = Categorical(torch.tensor([[[0.7, 0.3]], [[0.5, 0.5]]], dtype=torch.float64))
    for weight, expected in (
        (0.0, [[-0.4336, -0.5827], [-0.5042, -0.5751]]),
        (0.7, [[-0.1313, -0.2803], [-0.1611, -0.2320]]),
    ):
        rows = log_likelihood_signatures(Categorical(logits=logits), marginal, entropy_weight=weight)
        np.testing.assert_allclose(rows, expected, atol=5.1e-5)


@given(seed=seeds)
def test_rows_of_the_true_expectation_lose_what_the_label_tells(seed: int):
    """At γ = 1 a row's mean over hypotheses is minus the mean divergence of p̄ from each hypothesis."""
    predictions = Categorical(logits=numbers(seed, 4, 6, 3))
    rows = log_likelihood_signatures(predictions) * math.sqrt(6)
    mean = predictions.probs.mean(1)
    divergence = (mean[:, None] * (mean[:, None].log() - predictions.logits)).sum(-1)
    torch.testing.assert_close(rows, -divergence)


def test_amounts_and_many_labels_have_signatures_too():
    amounts = Normal(numbers(0, 5, 8), 0.4)
    rows = log_likelihood_signatures(amounts, entropy_weight=0.7)
    plain = log_likelihood_signatures(amounts, entropy_weight=0)
    torch.testing.assert_close((rows - plain) * math.sqrt(8), (0.7 * mixture_entropy(amounts))[:, None].expand(5, 8))
    labels = Independent(Bernoulli(logits=numbers(1, 5, 8, 3)), 1)
    assert log_likelihood_signatures(labels).shape == (5, 8)
    assert loss_signatures(labels).shape == loss_signatures(amounts).shape == (5, 9)


@given(seed=seeds)
def test_signatures_of_losses_are_their_mean_and_variance_over_labels(seed: int):
    predictions = Categorical(logits=numbers(seed, 3, 5, 4))
    rows = loss_signatures(predictions)
    mean = predictions.probs.mean(1)
    for n in range(3):
        labelled = -predictions.logits[n]  # K C
        labelled = (labelled - labelled.mean(0)) / math.sqrt(5)
        centre = labelled @ mean[n]
        spread = float(((labelled - centre[:, None]).square().sum(0) * mean[n]).sum())
        np.testing.assert_allclose(rows[n, :-1], centre, atol=1e-12)
        assert float(rows[n, -1]) == pytest.approx(spread, rel=1e-9)


@given(seed=seeds)
def test_a_constant_of_the_loss_does_not_matter(seed: int):
    logits, scale = numbers(seed, 3, 5), numbers(seed + 1, 3, 1).exp()
    rows = loss_signatures(Normal(logits, scale))
    assert float(rows[:, :-1].sum(1).abs().max()) < 1e-9 * float(1 + rows.abs().max())


def test_the_worked_gradients():
    logits = torch.tensor([[0.7, 0.2, 0.1]], dtype=torch.float64).log()
    labels = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64)
    features = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    rows, variances = gradient_signatures(logits, features, labels)
    assert rows.dense()[0].tolist() == pytest.approx([0.2, -0.4, -0.1, 0.2, -0.1, 0.2])
    assert variances.tolist() == pytest.approx([3.1])
    rows, variances = gradient_signatures(logits, features, logits.softmax(1))
    assert float(rows.dense().abs().max()) < 1e-15
    assert variances.tolist() == pytest.approx([2.3])


@given(seed=seeds, trust=st.floats(0, 1))
def test_gradients_are_those_of_autograd_over_labels(seed: int, trust: float):
    weight, features = numbers(seed, 3, 4).requires_grad_(), numbers(seed + 1, 5, 4)
    logits = features @ weight.T
    labels = label_model(logits, trust)
    rows, variances = gradient_signatures(logits, features, labels)
    for n in range(5):
        gradients = torch.stack(
            [
                torch.autograd.grad(cross_entropy(logits[n], torch.tensor(c)), weight, retain_graph=True)[0].flatten()
                for c in range(3)
            ]
        )
        mean = labels[n] @ gradients
        np.testing.assert_allclose(rows.dense()[n], mean, atol=1e-10)
        # (1 - ‖π‖²)‖h‖² is the trace of their covariance
        spread = (labels[n] * (gradients - mean).square().sum(1)).sum()
        assert float(variances[n]) == pytest.approx(float(spread), rel=1e-7, abs=1e-9)


def test_trusting_the_best_guess_by_halves_gives_half_of_badge():
    logits, features = numbers(0, 4, 3), numbers(1, 4, 2)
    rows, variances = gradient_signatures(logits, features)
    guess = torch.eye(3, dtype=torch.float64)[logits.argmax(1)]
    badge = ((logits.softmax(1) - guess)[:, :, None] * features[:, None]).flatten(1)
    torch.testing.assert_close(rows.dense(), 0.5 * badge)
    sure = gradient_signatures(logits, features, label_model(logits, 1.0))
    assert sure[1].tolist() == [0, 0, 0, 0]
    beside = gradient_signatures(logits, features, label_model(logits, 1.0), logits.softmax(1))
    torch.testing.assert_close(beside[0].dense(), badge)
    assert (beside[1] > 0).all()
    assert (variances > 0).all()


def test_the_worked_linear_model():
    features = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [2, -1], [-1, 1]], dtype=torch.float64)
    covariance = torch.tensor([[0.5, 0.1], [0.1, 0.3]], dtype=torch.float64)
    rows = regression_signatures(features, covariance, 0.5)
    gram = rows.dense() @ rows.dense().T
    assert gram.diagonal().tolist() == pytest.approx([8, 8.384, 4.8, 152, 19.2])
    assert float(gram[0, 1]) == pytest.approx(5.888)
    assert float(gram[3, 4]) == pytest.approx(48)
    batch = ACSFrankWolfe().solve(rows, 4)
    assert batch.steps == (3, 2, 1, 0)
    assert batch.residuals == pytest.approx((20.1879, 5.05638, 3.6292, 3.1726, 2.89548), rel=1e-5)


def test_inner_products_of_a_linear_model_are_those_of_its_gradients():
    features, some = numbers(0, 4, 3), numbers(1, 3, 3)
    covariance = some @ some.T + torch.eye(3, dtype=torch.float64)
    rows = regression_signatures(features, covariance, 0.7).dense()
    draws = numbers(2, 200_000, 3) @ torch.linalg.cholesky(covariance).T
    gradients = -(features @ draws.T)[..., None] * features[:, None] / 0.7**2  # N draws D
    expected = torch.einsum("nsd,msd->nm", gradients, gradients) / 200_000
    np.testing.assert_allclose(rows @ rows.T, expected, rtol=0.05, atol=0.5)


def test_what_has_no_signature_gets_a_sentence():
    logits, features = numbers(0, 4, 3), numbers(1, 4, 2)
    with pytest.raises(ValueError, match="trust in the best guess is a share from 0 to 1, but it is 2"):
        label_model(logits, 2)
    with pytest.raises(ValueError, match=r"need logits \(N, C\) and features \(N, D\) of the same points"):
        gradient_signatures(logits, features[:2])
    with pytest.raises(ValueError, match="a label model is one probability for each logit"):
        gradient_signatures(logits, features, torch.ones(4, 2))
    with pytest.raises(ValueError, match=r"features \(N, D\) and a covariance of weights \(D, D\)"):
        regression_signatures(features, torch.eye(3), 1)
    with pytest.raises(ValueError, match="a covariance has no negative eigenvalue"):
        regression_signatures(features, -torch.eye(2), 1)
    with pytest.raises(ValueError, match="noise is a standard deviation and must be above 0"):
        regression_signatures(features, torch.eye(2), 0)
