"""Effective sample sizes: against the closed form of a first-order autoregression."""

import pytest
import torch
from torch import Tensor

from bayesal.numerics.chains import effective_sample_size


def autoregression(phi: float, size: int, chains: int) -> Tensor:
    """x_t = φ x_{t-1} + z_t from its stationary law; of S values, S (1 - φ) / (1 + φ) are independent."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(size, chains, generator=generator, dtype=torch.float64)
    values = [noise[0] / (1 - phi**2) ** 0.5]
    for step in noise[1:]:
        values.append(phi * values[-1] + step)
    return torch.stack(values)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9])
def test_of_an_autoregression_it_is_the_closed_form(phi: float) -> None:
    size = 4000
    seen = effective_sample_size(autoregression(phi, size, 50))
    expected = size * (1 - phi) / (1 + phi)
    assert abs(float(seen.mean()) - expected) < 0.08 * expected


def test_a_chain_that_goes_back_and_forth_is_worth_no_more_than_its_length() -> None:
    assert torch.equal(effective_sample_size(autoregression(-0.6, 500, 3)), torch.full((3,), 500.0).double())


def test_scale_shift_and_other_columns_change_nothing() -> None:
    chain = autoregression(0.7, 301, 4)
    whole = effective_sample_size(chain)
    torch.testing.assert_close(effective_sample_size(3 + 1e-3 * chain), whole, rtol=1e-6, atol=0)
    torch.testing.assert_close(effective_sample_size(chain[:, 2]), whole[2])
    torch.testing.assert_close(effective_sample_size(chain.float()), whole.float(), rtol=1e-4, atol=0)


def test_a_chain_that_never_moves_is_one_draw() -> None:
    assert torch.equal(effective_sample_size(torch.full((10, 2), 0.1)), torch.ones(2))


def test_what_is_no_chain_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 values, but there are 3"):
        effective_sample_size(torch.zeros(3))
    with pytest.raises(ValueError, match="NaN or infinite"):
        effective_sample_size(torch.tensor([0.0, 1.0, float("nan"), 2.0]))
