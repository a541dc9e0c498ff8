"""Principal components and rows of length 1 against scikit-learn and numpy."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import Represented, laplace, principal, unit


def drawn(seed: int, *shape: int) -> Tensor:
    scale = torch.arange(1, shape[1] + 1, dtype=torch.float64).rsqrt()
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64) * scale + 3


def reduced(known: Tensor, rows: Tensor, components: int) -> Represented:
    return principal(components)(Represented(known, rows), generator=Generator())


@pytest.mark.parametrize("shape", [(40, 6), (7, 20), (7, 7)])
@pytest.mark.parametrize("components", [1, 3, 6])
def test_components_are_those_of_all_rows_together(shape: tuple[int, int], components: int):
    known, rows = drawn(0, 3, shape[1]), drawn(1, *shape)
    seen = reduced(known, rows, components)
    expected = PCA(components, svd_solver="full").fit_transform(torch.cat([known, rows]).numpy())
    found = torch.cat([seen.known, seen.rows]).numpy()
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)
    single = reduced(known.float(), rows.float(), components)
    assert single.rows.dtype == torch.float32
    np.testing.assert_allclose(single.rows.numpy(), seen.rows.numpy(), atol=1e-4)


def test_all_components_keep_distances_and_signs_are_fixed():
    known, rows = drawn(0, 3, 5), drawn(1, 30, 5)
    seen = reduced(known, rows, 99)
    assert seen.rows.shape == (30, 5)
    torch.testing.assert_close(torch.cdist(seen.rows, seen.known), torch.cdist(rows, known))
    order = torch.randperm(30, generator=Generator().manual_seed(0))
    torch.testing.assert_close(reduced(known, rows[order], 2).rows, seen.rows[order, :2])


def test_rows_without_spread_or_without_number():
    assert reduced(torch.ones(2, 4), torch.ones(6, 4), 2).rows.abs().max() < 1e-6
    assert reduced(torch.zeros(0, 4).double(), drawn(0, 1, 4), 3).rows.shape == (1, 1)
    assert reduced(torch.zeros(0, 4), torch.zeros(0, 4), 3).rows.shape == (0, 0)
    assert reduced(torch.zeros(2, 0), torch.zeros(5, 0), 3).rows.shape == (5, 0)


def test_rows_of_length_1():
    rows = torch.tensor([[3.0, 4], [0, 0], [1e30, 0], [1e-30, 1e-30]])
    seen = unit()(Represented(rows[:1], rows), generator=Generator())
    expected = torch.tensor([[0.6, 0.8], [0, 0], [1, 0], [0.5**0.5, 0.5**0.5]])
    torch.testing.assert_close(seen.rows, expected)
    torch.testing.assert_close(seen.known, expected[:1])
    assert unit()(Represented(rows.half()[:1], rows.half()[:2]), generator=Generator()).rows.dtype == torch.float32


def test_products_of_length_1_stay_products():
    products = Kronecker(drawn(0, 5, 2), drawn(1, 5, 3))
    seen = unit()(Represented(products[:2], products), generator=Generator())
    assert isinstance(seen.rows, Kronecker)
    torch.testing.assert_close(seen.rows.dense(), torch.nn.functional.normalize(products.dense(), dim=1))


@pytest.mark.parametrize("transform", [unit(), principal(2)])
def test_what_has_no_features_gets_a_sentence(transform):
    with pytest.raises(ValueError, match="needs features"):
        transform(Represented(drawn(0, 2, 3), drawn(1, 5, 3), laplace()), generator=Generator())
    with pytest.raises(ValueError, match="row 1 holds NaN"):
        transform(Represented(drawn(0, 2, 2), torch.tensor([[0, 0], [0, torch.nan]]).double()), generator=Generator())
    with pytest.raises(ValueError, match="at least 1 principal component"):
        principal(0)
    assert repr(transform) in ("Unit()", "Principal(components=2)")
