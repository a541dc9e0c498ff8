"""Principal components against an eigendecomposition written down with numpy."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from bayesal import Pool
from bayesal.views import Principal

X = torch.randn(60, 5, generator=Generator().manual_seed(1)) * torch.tensor([1.0, 10.0, 0.1, 3.0, 1.0]) + 7
X[:, 1] += 8 * X[:, 0]


def pool_of(points: Tensor, chunk_size: int = 256) -> Pool:
    return Pool.of(points, chunk_size=chunk_size, progress=False)


def rows_of(view: Principal, pool: Pool) -> Tensor:
    return pool.scan(view(None, pool, generator=Generator()))


def by_hand(points: Tensor, num_components: int, *, whole: bool) -> np.ndarray:
    """Components up to their signs: the eigenvectors of the covariance of standardised points."""
    x = points.double().numpy()
    axis = None if whole else 0
    x = ((x - x.mean(axis)) / x.std(axis)).reshape(len(x), -1)
    x = x - x.mean(0)
    _, vectors = np.linalg.eigh(x.T @ x)
    return x @ vectors[:, ::-1][:, :num_components]


@pytest.mark.parametrize("num_components", [1, 3, 5])
def test_rows_are_the_principal_components_of_standardised_points(num_components: int) -> None:
    rows = rows_of(Principal(num_components), pool_of(X))
    assert rows.dtype == torch.float32
    np.testing.assert_allclose(rows.abs(), np.abs(by_hand(X, num_components, whole=False)), rtol=1e-4, atol=1e-5)


def test_images_keep_one_scale_for_all_pixels() -> None:
    images = torch.rand(30, 1, 4, 4, generator=Generator().manual_seed(2))
    images[:, 0, 0] *= 0.01  # a row where next to nothing happens
    rows = rows_of(Principal(4), pool_of(images))
    np.testing.assert_allclose(rows.abs(), np.abs(by_hand(images, 4, whole=True)), rtol=1e-4, atol=1e-5)


def test_points_that_vary_in_one_direction_have_it_first() -> None:
    points = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    rows = rows_of(Principal(), pool_of(points))
    steps = (rows[1:, 0] - rows[:-1, 0]).abs()  # each column has the standard deviation √1.25
    assert steps.tolist() == pytest.approx([(2 / 1.25) ** 0.5] * 3)
    assert rows[:, 1].abs().max() < 1e-6


def test_normalised_rows_have_length_one_and_the_same_directions() -> None:
    plain, unit = rows_of(Principal(3), pool_of(X)), rows_of(Principal(3, normalise=True), pool_of(X))
    torch.testing.assert_close(unit, plain / plain.norm(dim=1, keepdim=True))


def test_chunks_labels_and_the_generator_make_no_difference() -> None:
    rows = rows_of(Principal(4), pool_of(X))
    assert torch.equal(rows_of(Principal(4), pool_of(X, chunk_size=7)), rows)
    some = pool_of(X).with_labels({3: 0, 5: 1}).only([7, 8, 9])
    torch.testing.assert_close(some.scan(Principal(4)(None, some, generator=Generator().manual_seed(5))), rows)


def test_a_large_pool_is_read_off_evenly_spaced_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesal.views.sampled.SAMPLE", 20)
    rows = rows_of(Principal(2), pool_of(X))
    assert rows.shape == (60, 2)
    torch.testing.assert_close(rows[::3], rows_of(Principal(2), pool_of(X[::3])))


@pytest.mark.parametrize("normalise", [False, True])
def test_no_points_one_point_copies_and_few_points(normalise: bool) -> None:
    view = Principal(3, normalise)
    assert rows_of(view, pool_of(X[:0])).shape == (0, 0)
    assert rows_of(view, pool_of(X[:1])).tolist() == [[0.0]]
    assert not rows_of(view, pool_of(X[:1].expand(6, 5).contiguous())).any()
    assert rows_of(view, pool_of(X[:2])).shape == (2, 2)


def test_wide_points_are_decomposed_without_a_matrix_of_all_numbers() -> None:
    points = torch.randn(12, 2500, generator=Generator().manual_seed(3))
    rows = rows_of(Principal(5), pool_of(points))
    assert torch.equal(rows, rows_of(Principal(5), pool_of(points)))
    np.testing.assert_allclose(rows.norm(dim=0), np.linalg.norm(by_hand(points, 5, whole=False), axis=0), rtol=1e-3)


def test_whole_numbers_are_points_and_what_is_broken_is_refused() -> None:
    assert rows_of(Principal(2), pool_of(torch.arange(12).reshape(6, 2))).shape == (6, 2)
    broken = X.clone()
    broken[3, 2] = torch.nan
    with pytest.raises(ValueError, match="1 of 60 points hold NaN or infinite inputs"):
        rows_of(Principal(), pool_of(broken))
    with pytest.raises(ValueError, match="num_components must be at least 1, but it is 0"):
        Principal(0)
    assert repr(Principal()) == "Principal(num_components=50, normalise=False)"
