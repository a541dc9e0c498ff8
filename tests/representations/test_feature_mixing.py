"""Features mixed with those of a class against autograd and the elementwise form."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from bayesal.representations import class_anchors, flips, mixed
from bayesal.representations.feature_mixing import likely_direction, optimised_flips

seeds = st.integers(0, 2**32 - 1)


def drawn(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def test_the_worked_numbers() -> None:
    z, anchor, gradient = (torch.tensor([row]) for row in ([1.0, 2, -1], [0, 2.5, 1], [0.3, -0.4, 1.2]))
    moved = mixed(z, anchor, gradient, 0.2)
    assert moved[0].tolist() == pytest.approx([1.06106, 1.91859, -0.755777], rel=1e-5)
    alpha = (moved - z) / (anchor - z)
    assert alpha[0].tolist() == pytest.approx([-0.0610558, -0.162815, 0.122112], rel=1e-5)


@given(seed=seeds, cap=st.floats(0.01, 1))
@settings(max_examples=20)
def test_a_mix_is_as_far_away_as_its_cap(seed: int, cap: float) -> None:
    z, anchor, gradient = (drawn(seed + k, 5, 4) for k in range(3))
    moved = mixed(z, anchor, gradient, cap)
    expected = cap / math.sqrt(4) * (anchor - z).norm(dim=1)
    assert torch.allclose((moved - z).norm(dim=1), expected)
    elementwise = expected[:, None] * gradient / gradient.norm(dim=1, keepdim=True) / (anchor - z)
    assert torch.allclose(elementwise * anchor + (1 - elementwise) * z, moved)


def test_what_has_no_gradient_stays() -> None:
    z = drawn(0, 3, 2)
    assert torch.equal(mixed(z, drawn(1, 3, 2), torch.zeros(3, 2, dtype=torch.float64), 0.5), z)


@given(seed=seeds)
@settings(max_examples=10)
def test_the_gradient_is_that_of_the_likely_label(seed: int) -> None:
    weight, bias, z = drawn(seed, 3, 4), drawn(seed + 1, 3), drawn(seed + 2, 6, 4).requires_grad_()
    logits = z @ weight.T + bias
    (expected,) = torch.autograd.grad(cross_entropy(logits, logits.argmax(1), reduction="sum"), z)
    unsure = 1 - logits.detach().softmax(1).amax(1, keepdim=True)
    assert torch.allclose(unsure * likely_direction(logits.detach(), weight), expected)


def test_a_sure_prediction_has_a_direction_too() -> None:
    weight = torch.tensor([[1.0, 0], [0, 1], [-1, 0]])
    sure = torch.tensor([[900.0, 899, 0], [900, -1e30, 0]])
    assert likely_direction(sure, weight)[0].tolist() == pytest.approx([-1, 1])
    assert likely_direction(sure, weight)[1].tolist() == pytest.approx([-2, 0])


@given(seed=seeds, cap=st.sampled_from([0.1, 0.5, 1.0]))
@settings(max_examples=20)
def test_flips_are_those_of_mixed_features(seed: int, cap: float) -> None:
    weight, bias, z, anchors = drawn(seed, 3, 4), drawn(seed + 1, 3), drawn(seed + 2, 20, 4), drawn(seed + 3, 3, 4)
    logits = z @ weight.T + bias
    gradient = likely_direction(logits, weight)
    expected = torch.zeros(20, dtype=torch.bool)
    for anchor in anchors:
        moved = mixed(z, anchor.expand(20, 4), gradient, cap)
        expected |= (moved @ weight.T + bias).argmax(1) != logits.argmax(1)
    assert torch.equal(flips(z, anchors, weight, bias, cap), expected)


def test_flips_do_not_depend_on_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    given = (drawn(0, 18, 4), drawn(1, 3, 4), drawn(2, 3, 4), drawn(3, 3))
    for find in (flips, optimised_flips):
        whole = find(*given, 0.7)
        monkeypatch.setattr("bayesal.representations.feature_mixing.STEPS", 30)
        assert torch.equal(find(*given, 0.7), whole)
        monkeypatch.undo()
        assert 0 < int(whole.sum()) < 18


def test_an_optimised_mix_flips_only_with_shares_within_the_cap() -> None:
    """Between two classes along one axis: a share α moves z by α of the way to the anchor, and 0 is the boundary."""
    weight, bias = torch.tensor([[-1.0], [1.0]]), torch.zeros(2)
    z = torch.tensor([[0.05], [0.3], [2.0]])
    anchors = torch.tensor([[-1.0], [1.0]])
    assert optimised_flips(z, anchors, weight, bias, 0.2, steps=50).tolist() == [True, False, False]
    assert optimised_flips(z, anchors, weight, bias, 0.5, steps=50).tolist() == [True, True, False]
    before = torch.is_grad_enabled()
    with torch.no_grad():
        assert optimised_flips(z, anchors, weight, bias, 0.2).tolist() == [True, False, False]
    assert torch.is_grad_enabled() == before


def test_anchors_are_class_means_and_the_mean_of_all_for_a_class_without_labels() -> None:
    features, labels = torch.tensor([[0.0, 2], [2, 2], [5, 5]]), torch.tensor([0, 0, 2])
    assert class_anchors(features, labels, 4).tolist() == [
        [1, 2],
        pytest.approx([7 / 3, 3]),
        [5, 5],
        pytest.approx([7 / 3, 3]),
    ]
    assert class_anchors(features.double(), labels, 3).dtype == torch.float64


@pytest.mark.parametrize(
    ("count", "labels", "match"),
    [
        (0, [], "nothing is labelled; label some points first"),
        (2, [0, 3], r"one class of 0 ... 2 for each of 2 labelled points"),
        (2, [0.5, 1.0], "the labels are torch.float32"),
        (2, [0], r"of shape \(1,\)"),
    ],
)
def test_labels_that_make_no_anchors_are_refused(count: int, labels: list[float], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        class_anchors(torch.zeros(count, 2), torch.tensor(labels), 3)


def test_nobody_flips_among_nobody() -> None:
    none = torch.empty(0, 2)
    for find in (flips, optimised_flips):
        assert find(none, torch.ones(3, 2), torch.ones(3, 2), torch.ones(3), 0.2).shape == (0,)
