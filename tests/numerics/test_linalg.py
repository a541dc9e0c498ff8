"""Second moments by blocks, and Cholesky factors that say which noise they hold."""

import pytest
import torch
from torch import Generator

from bayesal.numerics.linalg import blocks, noisy_cholesky, second_moment

ROWS = torch.randn(50, 6, generator=Generator().manual_seed(0), dtype=torch.float64)


def test_blocks_are_all_rows_in_order():
    for count, width in ((0, 3), (1, 0), (10, 3), (10, 1000)):
        assert [place for some in blocks(count, width, 9) for place in range(count)[some]] == list(range(count))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_second_moments_are_float64_in_any_block(dtype: torch.dtype, monkeypatch):
    rows = ROWS.to(dtype)
    monkeypatch.setattr("bayesal.numerics.linalg.ELEMENTS", 20)
    torch.testing.assert_close(second_moment(rows), rows.double().T @ rows.double(), rtol=1e-13, atol=1e-13)
    assert not second_moment(rows[:0]).any()


def test_the_factor_holds_the_matrix_and_the_noise():
    matrix = second_moment(ROWS)
    factor, variance, notes = noisy_cholesky(matrix, 0.5)
    torch.testing.assert_close(factor @ factor.T, matrix + 0.25 * torch.eye(6))
    assert variance == 0.25
    assert notes == ()


@pytest.mark.parametrize("noise", [0, 1e-9])
def test_noise_below_rounding_is_raised_and_reported(noise: float | int):
    matrix = ROWS[:3].T @ ROWS[:3]
    factor, variance, notes = noisy_cholesky(matrix, noise)
    assert variance == pytest.approx(1e-12 * float(matrix.trace()))
    assert factor.isfinite().all()
    assert f"so that {variance:.3g} is the variance used" in notes[0]


def test_nothing_known_needs_no_note():
    factor, variance, notes = noisy_cholesky(torch.zeros(2, 2, dtype=torch.float64), 0)
    assert torch.equal(factor, torch.eye(2, dtype=torch.float64) * variance**0.5)
    assert notes == ()


def test_what_is_no_covariance_gets_a_sentence():
    indefinite = torch.tensor([[1.0, 2.0], [2.0, 1.0]], dtype=torch.float64)
    for matrix, sentence in ((indefinite, "not positive semi-definite"), (indefinite * torch.nan, "trace is not")):
        with pytest.raises(ValueError, match=sentence):
            noisy_cholesky(matrix, 0.1)
