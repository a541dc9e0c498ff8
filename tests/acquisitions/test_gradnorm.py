"""Gradient norms of the last layer against autograd, and against exact arithmetic where floats are at their limits."""

from fractions import Fraction
from math import exp, fsum, isclose, log1p, sqrt

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.acquisitions import egl, entropy_gradnorm, expected_gradnorm, fisher_trace

F64 = torch.float64
W = torch.tensor([[0.5, -1], [0, 0.25], [-0.75, 0.5]], dtype=F64)
B = torch.tensor([0.1, -0.2, 0.05], dtype=F64)
H = torch.tensor([[1.0, 2.0]], dtype=F64)
SCORES = [entropy_gradnorm, expected_gradnorm, egl, fisher_trace]
each_score = pytest.mark.parametrize("score", SCORES, ids=lambda score: score.__name__)


def case(seed: int, classes: int = 4, n: int = 6, spread: float = 2.0) -> tuple[Tensor, Tensor]:
    generator = Generator().manual_seed(seed)
    return spread * torch.randn(n, classes, generator=generator, dtype=F64), torch.randn(n, 3, generator=generator).to(
        F64
    )


def by_autograd(loss, logits: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """Norms of the gradients of ``loss(z)`` in W and b, for W of zeros but logits as given."""
    rows = []
    for z, h in zip(logits, features, strict=True):
        weight = torch.zeros(len(z), len(h), dtype=F64, requires_grad=True)
        bias = z.clone().requires_grad_()
        loss(weight @ h + bias).backward()
        rows.append(torch.stack([weight.grad.norm(), bias.grad.norm()]))
    return torch.stack(rows).unbind(1)


def entropy(z: Tensor) -> Tensor:
    return -(z.softmax(0) * z.log_softmax(0)).sum()


def test_the_worked_numbers() -> None:
    z = H @ W.T + B
    assert z[0].tolist() == pytest.approx([-1.4, 0.3, 0.3])
    assert float(entropy_gradnorm(z, H)) == pytest.approx(0.516726, abs=5e-7)
    assert float(entropy_gradnorm(z, H, "global_norm")) == pytest.approx(0.391127, abs=5e-7)
    assert float(entropy_gradnorm(z, H, bias=False)) == pytest.approx(0.357049, abs=5e-7)
    assert float(egl(z, H)) == pytest.approx(1.83375, abs=5e-6)
    assert float(fisher_trace(z, H)) == pytest.approx(3.43913, abs=5e-6)
    p = z.softmax(1)
    assert float(fisher_trace(z, H)) == pytest.approx(float((1 - p.square().sum()) * (H.square().sum() + 1)))


@pytest.mark.parametrize(
    ("classes", "peak", "value"), [(2, 0.8240, 0.316602), (3, 0.7661, None), (10, 0.6717, None), (100, 0.6, None)]
)
def test_one_likely_class_scores_highest_at_the_share_of_the_card(
    classes: int, peak: float, value: float | None
) -> None:
    q = torch.linspace(0.3, 0.99, 6901, dtype=F64)
    rest = ((1 - q) / (classes - 1))[:, None].expand(-1, classes - 1)
    scores = entropy_gradnorm(torch.cat([q[:, None], rest], 1).log(), torch.ones(len(q), 1), bias=False)
    assert float(q[scores.argmax()]) == pytest.approx(peak, abs=1e-4)
    assert value is None or float(scores.max()) == pytest.approx(value, abs=5e-7)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6))
def test_norms_are_those_of_autograd(seed: int, classes: int) -> None:
    logits, features = case(seed, classes)
    weight, bias = by_autograd(entropy, logits, features)
    torch.testing.assert_close(entropy_gradnorm(logits, features), weight + bias, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(
        entropy_gradnorm(logits, features, "global_norm"),
        (weight.square() + bias.square()).sqrt(),
        rtol=1e-9,
        atol=1e-12,
    )
    of_label = [by_autograd(lambda z, c=c: -z.log_softmax(0)[c], logits, features) for c in range(classes)]
    p = logits.softmax(1)
    sums = torch.stack([weight + bias for weight, bias in of_label], 1)
    squares = torch.stack([weight.square() + bias.square() for weight, bias in of_label], 1)
    torch.testing.assert_close(egl(logits, features, "sum_of_norms"), (p * sums).sum(1), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(egl(logits, features), (p * squares.sqrt()).sum(1), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(fisher_trace(logits, features), (p * squares).sum(1), rtol=1e-9, atol=1e-12)


def test_the_expected_loss_is_the_entropy_and_has_no_gradient_if_probabilities_are_held_fixed() -> None:
    logits, features = case(0)
    assert torch.equal(expected_gradnorm(logits, features), entropy_gradnorm(logits, features))

    def expected(z: Tensor, hold: bool) -> Tensor:
        p = z.softmax(0)
        return -((p.detach() if hold else p) * z.log_softmax(0)).sum()

    weight, bias = by_autograd(lambda z: expected(z, hold=False), logits, features)
    torch.testing.assert_close(expected_gradnorm(logits, features), weight + bias)
    weight, bias = by_autograd(lambda z: expected(z, hold=True), logits, features)
    assert float((weight + bias).max()) < 1e-14


@each_score
@given(seed=st.integers(0, 2**32 - 1), shift=st.floats(-50, 50))
def test_a_shift_of_all_logits_and_the_order_of_classes_change_nothing(score, seed: int, shift: float) -> None:
    logits, features = case(seed)
    scores = score(logits, features)
    assert bool((scores >= 0).all())
    torch.testing.assert_close(score(logits + shift, features), scores, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(score(logits.flip(1), features), scores, rtol=1e-12, atol=0)
    rows = torch.tensor([3, 1])
    assert torch.equal(score(logits[rows], features[rows]), scores[rows])


def test_points_where_all_classes_are_equally_likely_have_no_entropy_gradient_but_a_long_expected_one() -> None:
    logits, features = torch.full((2, 5), 3.0), torch.ones(2, 4)
    assert float(entropy_gradnorm(logits, features).max()) < 1e-14
    torch.testing.assert_close(egl(logits, features, bias=False), torch.full((2,), 2 * sqrt(0.8)))


@pytest.mark.parametrize("dtype", [torch.float32, F64])
@pytest.mark.parametrize("gap", [20.0, 40.0, 80.0])
def test_points_that_are_nearly_certain_keep_their_digits(dtype: torch.dtype, gap: float) -> None:
    logits, features = torch.tensor([[gap, 0.0, 0.0]], dtype=dtype), torch.ones(1, 1, dtype=dtype)
    small = exp(-gap) / (1 + 2 * exp(-gap))  # the probability of each of the other classes
    likely = 1 - 2 * small
    log_small, log_likely = -gap - log1p(2 * exp(-gap)), -log1p(2 * exp(-gap))
    entropy = -(likely * log_likely + 2 * small * log_small)
    u = small * (log_small + entropy)  # of each of the others; that of the likely class balances them
    assert isclose(float(entropy_gradnorm(logits, features, bias=False)), abs(u) * sqrt(6), rel_tol=1e-6)
    # the labels' residuals: (2s, s, s) for the likely class, (1 - 2s, 1 - s, s) and its mirror for the others
    s = Fraction(small)
    residuals = [6 * s * s, (1 - 2 * s) ** 2 + (1 - s) ** 2 + s * s]
    expected = fsum([float(1 - 2 * s) * sqrt(residuals[0]), 2 * small * sqrt(residuals[1])])
    assert isclose(float(egl(logits, features, bias=False)), expected, rel_tol=1e-6)
    trace = (1 - 2 * s) * residuals[0] + 2 * s * residuals[1]
    assert isclose(float(fisher_trace(logits, features, bias=False)), float(trace), rel_tol=1e-6)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_logit_is_that_of_the_second_of_two_classes(seed: int) -> None:
    logits, features = case(seed, classes=1)

    def loss(z: Tensor, label: int) -> Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(z[0], torch.tensor(float(label), dtype=F64))

    def uncertain(z: Tensor) -> Tensor:
        return torch.distributions.Bernoulli(logits=z[0]).entropy()

    weight, bias = by_autograd(uncertain, logits, features)
    torch.testing.assert_close(entropy_gradnorm(logits, features), weight + bias, rtol=1e-9, atol=1e-12)
    p = logits.sigmoid().squeeze(1)
    no, yes = (by_autograd(lambda z, c=c: loss(z, c), logits, features) for c in (0, 1))
    lengths = [(weight.square() + bias.square()).sqrt() for weight, bias in (no, yes)]
    torch.testing.assert_close(egl(logits, features), (1 - p) * lengths[0] + p * lengths[1])
    torch.testing.assert_close(fisher_trace(logits, features), (1 - p) * lengths[0].square() + p * lengths[1].square())


@each_score
def test_no_points_have_no_scores_and_scores_are_float32_at_least(score) -> None:
    assert score(torch.empty(0, 3), torch.empty(0, 4)).shape == (0,)
    logits, features = case(0)
    assert score(logits.half(), features.half()).dtype == torch.float32
    torch.testing.assert_close(
        score(logits.float(), features.float()).double(), score(logits, features), rtol=1e-5, atol=1e-7
    )


@each_score
def test_what_does_not_fit_gets_a_sentence(score) -> None:
    logits, features = case(0)
    with pytest.raises(ValueError, match=r"their shapes are \(6, 4\) and \(5, 3\)"):
        score(logits, features[:5])
    with pytest.raises(ValueError, match="the predictions for point 2 are not a distribution"):
        score(logits.index_fill(0, torch.tensor([2]), torch.inf), features)
    with pytest.raises(ValueError, match="point 1"):
        score(logits, features.index_fill(0, torch.tensor([1]), torch.nan))
    if score is not fisher_trace:
        with pytest.raises(ValueError, match="reduction must be sum_of_norms or global_norm, but it is 'mean'"):
            score(logits, features, "mean")
