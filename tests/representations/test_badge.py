"""BADGE's embeddings against gradients and every other label."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import badge_embedding

LOGITS = torch.tensor([[2, 0, -1], [0.2, 0.1, 0], [0, 1, 0.9], [3, -3, 0], [-1, 0.5, 0.4]], dtype=torch.float64)
FEATURES = torch.tensor([[1, 0], [1, 1], [0, 2], [2, 1], [0.5, 0.5]], dtype=torch.float64)
seeds = st.integers(0, 2**32 - 1)


def gradients(features: Tensor, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """By autograd, row by row: the logits, and the gradients of the likeliest class's loss in weights and biases."""
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    logits = features @ weight.T + bias
    losses = cross_entropy(logits, logits.argmax(1), reduction="none")
    parts = [torch.autograd.grad(loss, (weight, bias), retain_graph=True) for loss in losses]
    return logits.detach(), torch.stack([w.flatten() for w, _ in parts]), torch.stack([b for _, b in parts])


def test_the_worked_numbers():
    rows = badge_embedding(LOGITS, FEATURES)
    assert isinstance(rows, Kronecker)
    assert rows.shape == (5, 6)
    dense = rows.dense()
    norms = [0.198004, 1.09656, 1.41182, 0.153481, 0.486196]
    assert torch.linalg.vector_norm(dense, dim=1).tolist() == pytest.approx(norms, rel=1e-5)
    first = [-0.632835, -0.632835, 0.332225, 0.332225, 0.30061, 0.30061]
    assert dense[1].tolist() == pytest.approx(first, rel=1e-5)
    squared = {
        (0, 1): 0.942805,
        (0, 2): 2.03243,
        (0, 3): 0.0227004,
        (0, 4): 0.334639,
        (1, 2): 3.87086,
        (1, 3): 0.947364,
        (1, 4): 1.6681,
        (2, 3): 1.97887,
        (2, 4): 1.26341,
        (3, 4): 0.218957,
    }
    for (one, two), expected in squared.items():
        assert float((dense[one] - dense[two]).square().sum()) == pytest.approx(expected, rel=1e-5)


@given(seed=seeds, num_classes=st.sampled_from([2, 3, 7]))
@settings(max_examples=10)
def test_they_are_the_gradients_of_the_likeliest_class(seed: int, num_classes: int):
    draw = {"generator": Generator().manual_seed(seed), "dtype": torch.float64}
    features = torch.randn(6, 4, **draw)
    logits, weights, biases = gradients(features, torch.randn(num_classes, 4, **draw), torch.randn(num_classes, **draw))
    torch.testing.assert_close(badge_embedding(logits, features).dense(), weights, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(badge_embedding(logits, features, part="bias").dense(), biases, rtol=1e-10, atol=1e-12)
    both = badge_embedding(logits, features, part="both").dense().view(6, num_classes, 5)
    torch.testing.assert_close(both[..., :4].flatten(1), weights, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(both[..., 4], biases, rtol=1e-10, atol=1e-12)


@given(seed=seeds)
@settings(max_examples=10)
def test_no_other_label_has_a_shorter_gradient(seed: int):
    draw = {"generator": Generator().manual_seed(seed), "dtype": torch.float64}
    logits, features = 3 * torch.randn(8, 4, **draw), torch.randn(8, 3, **draw)
    own = torch.linalg.vector_norm(badge_embedding(logits, features).dense(), dim=1).numpy()
    probabilities = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(1, keepdims=True)
    lengths = np.array(
        [
            [np.linalg.norm(np.kron(p - np.eye(4)[c], h)) for c in range(4)]
            for p, h in zip(probabilities, features.numpy(), strict=True)
        ]
    )
    assert lengths.argmin(1).tolist() == logits.argmax(1).tolist()
    np.testing.assert_allclose(own, lengths.min(1), rtol=1e-10)


@given(seed=seeds, shift=st.sampled_from([-500.0, 3.0, 500.0]))
@settings(max_examples=10)
def test_a_constant_added_to_all_logits_changes_nothing(seed: int, shift: float):
    logits = torch.randn(5, 3, generator=Generator().manual_seed(seed), dtype=torch.float64)
    one, two = badge_embedding(logits, FEATURES), badge_embedding(logits + shift, FEATURES)
    torch.testing.assert_close(one.dense(), two.dense(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("part", ["weight", "bias", "both"])
def test_one_logit_is_that_of_class_1_against_0(part: str):
    logit = torch.tensor([[0.3], [-2], [0], [40], [-700]], dtype=torch.float64)
    two = torch.cat([torch.zeros_like(logit), logit], 1)
    assert torch.equal(
        badge_embedding(logit, FEATURES, part=part).dense(), badge_embedding(two, FEATURES, part=part).dense()
    )
    p = 1 / (1 + np.exp(-0.3))
    assert badge_embedding(logit, FEATURES, part="bias").dense()[0].tolist() == pytest.approx([1 - p, p - 1])


def test_sure_points_keep_their_digits():
    """p - 1 in floats is 0 from 40 nats on; what the others have is not."""
    sure = torch.tensor([[50.0, 0, 1]], dtype=torch.float64)
    expected = np.array([-(1 + np.e), 1, np.e]) * np.exp(-50)
    np.testing.assert_allclose(
        badge_embedding(sure, FEATURES[:1], part="bias").dense()[0].numpy(), expected, rtol=1e-12
    )
    assert badge_embedding(1e4 * sure, FEATURES[:1]).dense().tolist() == [[0] * 6]


def test_ties_go_to_the_first_class_and_classes_are_those_of_the_head():
    rows = badge_embedding(torch.zeros(1, 4), torch.ones(1, 1))
    assert rows.dense().tolist() == [[-0.75, 0.25, 0.25, 0.25]]
    never = torch.tensor([[0.0, 1, -torch.finfo(torch.float32).max]])
    assert badge_embedding(never, torch.ones(1, 2)).shape == (1, 6)


@pytest.mark.parametrize(
    ("logits", "features", "expected"),
    [
        (torch.float16, torch.float16, torch.float32),
        (torch.bfloat16, torch.float32, torch.float32),
        (torch.float32, torch.float64, torch.float64),
        (torch.float64, torch.float32, torch.float64),
    ],
)
def test_precision_is_the_inputs_but_at_least_float32(
    logits: torch.dtype, features: torch.dtype, expected: torch.dtype
):
    rows = badge_embedding(LOGITS.to(logits), FEATURES.to(features), part="both")
    assert rows.dtype == expected
    exact = badge_embedding(LOGITS.to(logits).double(), FEATURES.to(features).double(), part="both").dense()
    torch.testing.assert_close(rows.dense().double(), exact, rtol=1e-6, atol=1e-7)


def test_no_points_and_no_gradient():
    assert badge_embedding(torch.zeros(0, 3), torch.zeros(0, 4)).shape == (0, 12)
    assert not badge_embedding(LOGITS.requires_grad_(), FEATURES).requires_grad
    LOGITS.requires_grad_(False)


@pytest.mark.parametrize(
    ("logits", "features"),
    [
        (torch.zeros(3), torch.zeros(3, 2)),
        (torch.zeros(3, 2), torch.zeros(4, 2)),
        (torch.zeros(3, 0), torch.zeros(3, 2)),
        (torch.zeros(3, 2, 5, 5), torch.zeros(3, 2)),
    ],
)
def test_shapes_that_do_not_fit_get_a_sentence(logits: Tensor, features: Tensor):
    with pytest.raises(ValueError, match=r"gradient embeddings need logits of shape \(N, C\) and features"):
        badge_embedding(logits, features)


def test_other_bad_input_gets_a_sentence():
    for bad in (torch.nan, torch.inf, -torch.inf):
        poisoned = LOGITS.clone()
        poisoned[3, 1] = bad
        with pytest.raises(ValueError, match="logits must be finite numbers, but row 3"):
            badge_embedding(poisoned, FEATURES)
    with pytest.raises(ValueError, match="features must be finite numbers, but row 0"):
        badge_embedding(LOGITS, FEATURES * torch.nan)
    with pytest.raises(ValueError, match=r"features must be floats, but they are torch\.int64"):
        badge_embedding(LOGITS, FEATURES.long())
    with pytest.raises(ValueError, match="part is one of weight, bias, both, but it is 'all'"):
        badge_embedding(LOGITS, FEATURES, part="all")
