"""Distances to classes: worked numbers, plain NumPy, and what is refused."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from bayesal.numerics.mahalanobis import ClassGaussians

POINTS = torch.tensor([[0, 0], [1, 0.5], [-0.5, 1], [4, 4], [5, 4.5], [4.5, 5.5]], dtype=torch.float64)
LABELS = torch.tensor([0, 0, 0, 1, 1, 1])


def some(n: int = 40, d: int = 5) -> tuple[Tensor, Tensor]:
    generator = Generator().manual_seed(n + d)
    labels = torch.randint(3, (n,), generator=generator)
    return torch.randn(n, d, generator=generator, dtype=torch.float64) + labels[:, None], labels


def by_numpy(features: np.ndarray, labels: np.ndarray, points: np.ndarray, share: float) -> list[float]:
    classes = sorted(set(labels.tolist()))
    means = {c: features[labels == c].mean(0) for c in classes}
    apart = np.stack([z - means[y] for z, y in zip(features, labels.tolist(), strict=True)])
    covariance = apart.T @ apart / len(apart)
    width = len(covariance)
    inverse = np.linalg.inv((1 - share) * covariance + share * np.trace(covariance) / width * np.eye(width))
    return [min(float((z - means[c]) @ inverse @ (z - means[c])) for c in classes) for z in points]


def test_worked_numbers():
    known = ClassGaussians.fit(POINTS, LABELS, shrinkage=0)
    torch.testing.assert_close(known.means, torch.tensor([[1 / 6, 0.5], [4.5, 14 / 3]], dtype=torch.float64))
    covariance = known.factor @ known.factor.T
    torch.testing.assert_close(covariance, torch.eye(2).double() * 0.277778, rtol=2e-6, atol=1e-12)
    found = known.squared_distances(torch.tensor([[1, 1], [2.5, 2.5], [6, 3]], dtype=torch.float64))
    torch.testing.assert_close(found, torch.tensor([3.4, 31.3, 18.1], dtype=torch.float64))


@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_distances_agree_with_numpy(share: float):
    features, labels = some()
    points = torch.randn(9, 5, dtype=torch.float64, generator=Generator().manual_seed(1)) * 3
    found = ClassGaussians.fit(features, labels, shrinkage=share).squared_distances(points)
    expected = by_numpy(features.numpy(), labels.numpy(), points.numpy(), share)
    torch.testing.assert_close(found.tolist(), expected, rtol=1e-9, atol=1e-9)


def test_single_precision_far_from_the_origin_loses_nothing():
    features, labels = some()
    far, points = (features + 1e4).float(), (features + 1e4).float()
    found = ClassGaussians.fit(far, labels, shrinkage=0).squared_distances(points)
    expected = by_numpy(far.double().numpy(), labels.numpy(), points.double().numpy(), 0)
    torch.testing.assert_close(found.tolist(), expected, rtol=1e-7, atol=1e-7)


def test_fewer_examples_than_features_are_shrunk_or_refused():
    features, labels = some(8, 20)
    known = ClassGaussians.fit(features, labels)
    assert 0 < known.shrinkage <= 1
    assert bool(known.squared_distances(features).isfinite().all())
    with pytest.raises(ValueError, match=r"8 points of \d classes leave the covariance of 20 features singular"):
        ClassGaussians.fit(features, labels, shrinkage=0)
    with pytest.raises(ValueError, match="singular"):
        ClassGaussians.fit(torch.cat([*some()[0].split(1, 1), torch.ones(40, 1)], 1), some()[1], shrinkage=0)


def test_a_class_without_an_example_is_not_there():
    known = ClassGaussians.fit(POINTS, LABELS * 7, shrinkage=0)
    assert known.classes.tolist() == [0, 7]
    assert len(known.means) == 2


def test_one_example_a_class_leaves_euclidean_distances_and_a_note():
    known = ClassGaussians.fit(POINTS[[0, 3]], LABELS[[0, 3]])
    assert "Euclidean" in known.notes[0]
    torch.testing.assert_close(known.squared_distances(POINTS[[1, 4]]), torch.tensor([1.25, 1.25]).double())


def test_distances_have_gradients_also_at_a_mean():
    features, labels = some()
    known = ClassGaussians.fit(features, labels)
    at = features[:6].clone().requires_grad_()
    assert torch.autograd.gradcheck(known.squared_distances, at)
    (gradient,) = torch.autograd.grad(known.squared_distances(at).sum(), at)
    inverse = torch.cholesky_inverse(known.factor)
    nearest = torch.stack([(at - mean) @ inverse for mean in known.means], 1)
    which = (nearest * torch.stack([at - mean for mean in known.means], 1)).sum(2).argmin(1)
    torch.testing.assert_close(gradient, 2 * nearest[torch.arange(6), which].detach())
    mean = known.means[:1].clone().requires_grad_()
    assert torch.autograd.grad(known.squared_distances(mean).sum(), mean)[0].abs().max() < 1e-6


def test_bad_examples_get_a_sentence():
    with pytest.raises(ValueError, match="no labelled example"):
        ClassGaussians.fit(POINTS[:0], LABELS[:0])
    with pytest.raises(ValueError, match="finite"):
        ClassGaussians.fit(POINTS * torch.nan, LABELS)
    with pytest.raises(ValueError, match="class numbers"):
        ClassGaussians.fit(POINTS, LABELS + 0.5)
    with pytest.raises(ValueError, match="one class number a row"):
        ClassGaussians.fit(POINTS, LABELS[:2])
    with pytest.raises(ValueError, match="share from 0 to 1"):
        ClassGaussians.fit(POINTS, LABELS, shrinkage=1.5)
