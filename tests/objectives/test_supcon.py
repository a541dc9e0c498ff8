"""The supervised contrastive loss: worked numbers, a plain double loop, its laws, and where floats give out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.objectives.supcon import supcon

Z = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-0.8, 0.6]], dtype=torch.float64)
LABELS = torch.tensor([0, 0, 1, 1])


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=dtype)


def slowly(features: Tensor, labels: Tensor, temperature: float) -> np.ndarray:
    """The formula, anchor by anchor and positive by positive."""
    z = features.double().numpy().reshape(-1, features.shape[-1])
    z = np.array([row / np.sqrt((row**2).sum()) for row in z])
    classes = np.repeat(labels.numpy(), len(z) // len(labels))
    losses = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [a for a in others if classes[a] == classes[i]]
        total = 0.0
        for p in positives:
            total += z[i] @ z[p] / temperature - math.log(sum(math.exp(z[i] @ z[a] / temperature) for a in others))
        losses.append(-total / len(positives) if positives else 0.0)
    return np.array(losses).reshape(features.shape[:-1])


def test_the_worked_numbers() -> None:
    losses = supcon(Z, LABELS, temperature=0.5)
    assert losses.tolist() == pytest.approx([0.308957, 1.02712, 1.02712, 0.308957], rel=1e-5)
    assert float(losses.sum()) == pytest.approx(2.67216, rel=1e-5)
    assert float(losses.mean()) == pytest.approx(0.66804, rel=1e-5)


def test_the_factor_of_the_authors_program() -> None:
    scaled = supcon(Z, LABELS, temperature=0.5, base_temperature=0.07)
    assert torch.allclose(scaled, supcon(Z, LABELS, temperature=0.5) * 0.5 / 0.07)
    assert torch.equal(supcon(Z, LABELS, temperature=0.07, base_temperature=0.07), supcon(Z, LABELS))


@given(
    n=st.integers(2, 7),
    views=st.integers(0, 3),
    classes=st.integers(1, 4),
    temperature=st.floats(0.05, 3),
    seed=st.integers(0, 999),
)
def test_it_is_the_double_loop(n: int, views: int, classes: int, temperature: float, seed: int) -> None:
    features = normal(n, *([views] if views else []), 3, seed=seed)
    labels = torch.randint(classes, (n,), generator=Generator().manual_seed(seed))
    losses = supcon(features, labels, temperature=temperature)
    assert losses.shape == features.shape[:-1]
    assert np.allclose(losses.numpy(), slowly(features, labels, temperature), rtol=1e-9, atol=1e-11)


@given(seed=st.integers(0, 999))
def test_it_knows_neither_the_order_nor_the_axes_nor_the_names_of_the_classes_nor_lengths(seed: int) -> None:
    features, labels = normal(6, 2, 4, seed=seed), torch.tensor([0, 1, 0, 2, 2, 0])
    losses = supcon(features, labels, temperature=0.3)
    order = torch.randperm(6, generator=Generator().manual_seed(seed))
    assert torch.allclose(supcon(features[order], labels[order], temperature=0.3), losses[order])
    rotation = torch.linalg.qr(normal(4, 4, seed=seed + 1)).Q
    assert torch.allclose(supcon(features @ rotation, labels, temperature=0.3), losses)
    assert torch.allclose(supcon(features, torch.tensor([7, 3, 5])[labels], temperature=0.3), losses)
    lengths = normal(6, 2, 1, seed=seed + 2).exp()
    assert torch.allclose(supcon(features * lengths, labels, temperature=0.3), losses)
    assert torch.allclose(supcon(features.flip(1), labels, temperature=0.3), losses.flip(1))


def test_views_are_points_of_the_same_class() -> None:
    features, labels = normal(4, 3, 5), torch.tensor([0, 1, 1, 0])
    flat = supcon(features.flatten(0, 1), labels.repeat_interleave(3), temperature=0.2)
    assert torch.allclose(supcon(features, labels, temperature=0.2).flatten(), flat)


def test_its_gradient_is_right() -> None:
    labels = torch.tensor([0, 1, 0, 2, 1])
    for shape in ((5, 3), (5, 2, 3)):
        features = normal(*shape).requires_grad_()
        assert torch.autograd.gradcheck(lambda z: supcon(z, labels, temperature=0.4, base_temperature=0.1), (features,))


def test_an_anchor_without_positives_contributes_nothing() -> None:
    losses = supcon(normal(4, 3), torch.tensor([0, 1, 1, 2]))
    assert (losses == 0).tolist() == [True, False, False, True]
    features = normal(4, 3).requires_grad_()
    supcon(features, torch.arange(4)).sum().backward()
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros(4, 3, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (0, 2, 3), (1, 1, 3)])
def test_what_has_nothing_to_be_compared_with_costs_nothing(shape: tuple[int, ...]) -> None:
    features = normal(*shape).requires_grad_()
    losses = supcon(features, torch.zeros(shape[0], dtype=torch.int64))
    assert torch.equal(losses, torch.zeros(shape[:-1], dtype=torch.float64))
    losses.sum().backward()
    assert features.grad is not None
    assert bool((features.grad == 0).all())


def test_two_views_of_one_point_are_each_others_only_company() -> None:
    assert supcon(normal(1, 2, 3), torch.tensor([4])).abs().max() < 1e-12


def test_identical_points_cost_the_logarithm_of_how_many_others_there_are() -> None:
    losses = supcon(torch.ones(5, 3), torch.tensor([0, 0, 1, 1, 1]))
    assert torch.allclose(losses, torch.tensor(4.0).log().expand(5))


def test_features_of_length_zero_stay_zero_and_have_finite_gradients() -> None:
    features = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.3, 1.0]]).requires_grad_()
    losses = supcon(features, torch.tensor([0, 0, 1, 1]), temperature=0.5)
    losses.sum().backward()
    assert features.grad is not None
    assert bool(losses.isfinite().all())
    assert bool(features.grad.isfinite().all())
    assert float(losses[0].detach()) == pytest.approx(math.log(3), rel=1e-6)  # all three products are 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_temperatures_and_few_bits(dtype: torch.dtype) -> None:
    features, labels = normal(30, 2, 8).to(dtype), torch.arange(30) % 3
    exact = supcon(features.double(), labels, temperature=0.01)
    losses = supcon(features.requires_grad_(), labels, temperature=0.01)
    assert losses.dtype == torch.float32
    assert torch.allclose(losses.double(), exact, rtol=1e-4, atol=1e-3)
    losses.sum().backward()
    assert features.grad is not None
    assert bool(features.grad.isfinite().all())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(N, D\), or \(N, V, D\) with V views .* shape \(4,\)"):
        supcon(torch.zeros(4), LABELS)
    with pytest.raises(ValueError, match=r"one class, a whole number, but the labels are torch.int64 of shape \(3,\)"):
        supcon(Z, LABELS[:3])
    with pytest.raises(ValueError, match=r"whole number, but the labels are torch.float32"):
        supcon(Z, LABELS.float())
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match=r"temperature must be positive"):
            supcon(Z, LABELS, temperature=bad)
        with pytest.raises(ValueError, match=r"base_temperature must be positive"):
            supcon(Z, LABELS, base_temperature=bad)
