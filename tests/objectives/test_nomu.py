"""The loss of NOMU: the terms by hand, the stable form, and what it does to numbers no exponential holds."""

import math

import pytest
import torch
from torch import Tensor

from bayesal.objectives.nomu import NOMULoss, squared_errors


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


PREDICTIONS, TARGETS = doubles(0.1, -0.2), doubles(0.0, -0.5)
AT_DATA, AT_ARTIFICIAL = doubles(0.05, -0.1), doubles(0.0, 0.1, -0.05)


def test_the_three_terms_are_those_worked_out_by_hand():
    loss = NOMULoss(stable=False)
    nothing, zero = doubles(), doubles(0.0)
    assert squared_errors(PREDICTIONS, TARGETS).item() == pytest.approx(0.1)
    pulled = loss.uncertainty(AT_DATA, zero).item() - loss.uncertainty(nothing, zero).item()
    assert pulled == pytest.approx(0.00125)
    assert loss.uncertainty(nothing, AT_ARTIFICIAL).item() == pytest.approx(0.0184383, abs=1e-7)
    assert NOMULoss().uncertainty(nothing, AT_ARTIFICIAL).item() == pytest.approx(0.0118326, abs=1e-7)
    whole = loss(PREDICTIONS, TARGETS, AT_DATA, AT_ARTIFICIAL).item()
    assert whole == pytest.approx(0.1 + 0.00125 + 0.0184383, abs=1e-7)


def test_data_points_are_summed_and_artificial_ones_averaged():
    loss = NOMULoss()
    once = loss(PREDICTIONS, TARGETS, AT_DATA, AT_ARTIFICIAL) - loss.uncertainty(doubles(), AT_ARTIFICIAL)
    twice = [values.repeat(2) for values in (PREDICTIONS, TARGETS, AT_DATA, AT_ARTIFICIAL)]
    doubled = loss(*twice) - loss.uncertainty(doubles(), AT_ARTIFICIAL)
    torch.testing.assert_close(doubled, 2 * once)


def test_the_stable_form_is_the_original_where_that_is_gentle_and_its_tangent_beyond():
    stable, original = NOMULoss(), NOMULoss(stable=False)
    gentle = torch.linspace(0, 1, 11, dtype=torch.float64)
    torch.testing.assert_close(stable.uncertainty(gentle, gentle), original.uncertainty(gentle, gentle))
    far = doubles(-3.0)
    assert stable.uncertainty(doubles(), far).item() == pytest.approx(0.01 * (1 + 30 * 3))
    assert stable.uncertainty(far, doubles(0.0)).item() == pytest.approx(0.1 * (2 * 3 - 1) + 0.01)
    for edge, value in ((1.0, "pull"), (-1.0, "pull"), (0.0, "push")):
        either_side = doubles(edge - 1e-7, edge + 1e-7).requires_grad_()
        at = (either_side, doubles(0.0)) if value == "pull" else (doubles(), either_side)
        stable.uncertainty(*at).backward()
        assert either_side.grad is not None
        assert either_side.grad[0].item() == pytest.approx(either_side.grad[1].item(), rel=1e-4)


def test_single_precision_survives_what_overflows_the_original():
    low = torch.tensor([-3.0], requires_grad=True)
    assert math.isinf(NOMULoss(stable=False).uncertainty(torch.zeros(1), low).item())
    value = NOMULoss().uncertainty(torch.zeros(1), low)
    value.backward()
    assert value.isfinite()
    assert low.grad is not None
    assert low.grad.item() == pytest.approx(-0.01 * 30)


@pytest.mark.parametrize("name", ["pi_sqr", "pi_exp", "c_exp"])
def test_weights_must_be_positive(name: str):
    with pytest.raises(ValueError, match=f"{name} must be positive, but it is 0"):
        NOMULoss(**{name: 0.0})
