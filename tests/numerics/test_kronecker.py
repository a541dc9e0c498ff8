"""Products of rows against the same rows written down."""

import numpy as np
import pytest
import torch
from torch import Tensor

from bayesal.numerics.kronecker import Kronecker, gram, squared_norms


def factors(rows: int = 4, *, left: tuple[int, ...] = (3,), seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    return torch.randn(rows, *left, **draw), torch.randn(rows, 2, **draw)


@pytest.mark.parametrize("left", [(3,), (5, 3)])
def test_it_is_the_tensor_of_its_products(left: tuple[int, ...]):
    a, b = factors(left=left)
    rows = Kronecker(a, b)
    expected = np.stack([np.kron(a[n].numpy(), b[n].numpy()) for n in range(4)])
    assert rows.shape == expected.shape
    np.testing.assert_allclose(rows.dense().numpy(), expected)
    np.testing.assert_allclose((2 * rows).sum(-1).numpy(), 2 * expected.sum(-1))
    np.testing.assert_allclose(rows.numpy(), expected)
    np.testing.assert_allclose(np.array(rows.tolist()), expected)
    assert torch.allclose(rows, torch.from_numpy(expected))


def test_taking_rows_keeps_the_form_and_anything_else_writes_it_down():
    a, b = factors()
    rows = Kronecker(a, b)
    for key in ([2, 0], slice(1, 3), torch.tensor([3]), torch.tensor([True, False, True, False])):
        part = rows[key]
        assert isinstance(part, Kronecker)
        assert torch.equal(part.dense(), rows.dense()[key])
    assert not isinstance(rows[1], Kronecker)
    assert torch.equal(rows[1], rows.dense()[1])
    assert torch.equal(rows[:, 2], rows.dense()[:, 2])
    assert torch.equal(rows.clone(), rows.dense())
    assert len(rows) == 4
    assert "Kronecker(left=(4, 3)" in repr(rows)


def test_products_and_norms_by_factors():
    rows, others = Kronecker(*factors()), Kronecker(*factors(5, seed=1))
    torch.testing.assert_close(gram(rows, others), rows.dense() @ others.dense().T)
    torch.testing.assert_close(gram(rows, others.dense()), rows.dense() @ others.dense().T)
    torch.testing.assert_close(squared_norms(rows), rows.dense().square().sum(1))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (torch.zeros(3, 2), torch.zeros(4, 2)),
        (torch.zeros(3), torch.zeros(3, 2)),
        (torch.zeros(3, 2), torch.zeros(3, 2, dtype=torch.float64)),
        (torch.zeros(3, 2, dtype=torch.int64), torch.zeros(3, 2, dtype=torch.int64)),
    ],
)
def test_factors_that_do_not_fit(left: Tensor, right: Tensor):
    with pytest.raises(ValueError, match=r"products need|both factors"):
        Kronecker(left, right)
