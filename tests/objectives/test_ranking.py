"""The ranking loss: the cards' numbers, its invariances, and pairs written out by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.objectives.ranking import ranking_loss


def doubles(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_numbers_of_both_cards():
    first = ranking_loss(doubles(0.2, 1.5, 0.4, 0.9), doubles(1, 0.3, 0.8, 0.8))
    assert first.item() == pytest.approx((1.7 + 2.1) / 2)
    second = ranking_loss(doubles(0.2, 1, 0.5, 0.9), doubles(0.1, 0.4, 0.9, 0.3))
    assert second.item() == pytest.approx(0.9)
    assert ranking_loss(doubles(0.2, 1.5, 0.4, 0.9), doubles(1, 0.3, 0.8, 0.8), margin=2).item() == pytest.approx(2.9)


FEW = st.lists(st.integers(-3, 3), min_size=0, max_size=9)


@given(predicted=FEW, losses=FEW, margin=st.floats(0.25, 4), ties=st.sampled_from(["masked", "released"]))
def test_it_is_the_mean_over_pairs_written_out_one_by_one(predicted, losses, margin, ties):
    n = min(len(predicted), len(losses))
    hinges = []
    even = n - n % 2
    for i in range(even // 2):
        j = even - 1 - i
        if losses[i] == losses[j] and ties == "masked":
            continue
        sign = 1 if losses[i] > losses[j] else -1
        hinges.append(max(0.0, -sign * (predicted[i] - predicted[j]) + margin))
    expected = sum(hinges) / len(hinges) if hinges else 0.0
    got = ranking_loss(doubles(*predicted[:n]), doubles(*losses[:n]), margin=margin, ties=ties)
    assert got.item() == pytest.approx(expected)


def random(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, generator=Generator().manual_seed(seed), dtype=torch.float64)


def test_a_shift_of_all_predictions_and_any_growing_map_of_the_losses_change_nothing():
    predicted, losses = random(12), random(12, 1)
    expected = ranking_loss(predicted, losses)
    torch.testing.assert_close(ranking_loss(predicted + 7.5, losses), expected)
    torch.testing.assert_close(ranking_loss(predicted, losses.exp() * 3 - 1), expected)


def test_equal_losses_say_nothing_unless_the_released_convention_is_asked_for():
    predicted, losses = doubles(0.5, 0.2, 0.1, 0.9), doubles(1.0, 2.0, 3.0, 1.0)
    assert ranking_loss(predicted, losses).item() == pytest.approx(1 + 0.2 - 0.1)
    assert ranking_loss(predicted, losses, ties="released").item() == pytest.approx((0.6 + 1.1) / 2)
    same = ranking_loss(predicted.requires_grad_(), torch.zeros(4, dtype=torch.float64))
    same.backward()
    assert same.item() == 0
    assert predicted.grad is not None
    assert not predicted.grad.any()


def test_the_last_of_an_odd_batch_is_left_out():
    predicted, losses = random(7).requires_grad_(), random(7, 1)
    torch.testing.assert_close(ranking_loss(predicted, losses), ranking_loss(predicted[:6], losses[:6]))
    ranking_loss(predicted, losses).backward()
    assert predicted.grad is not None
    assert predicted.grad[6] == 0


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_for_a_pair_are_zero_and_can_be_differentiated(count: int):
    predicted = random(count).requires_grad_()
    value = ranking_loss(predicted, random(count, 1))
    value.backward()
    assert value.item() == 0


def test_no_gradient_goes_through_the_true_losses_and_that_of_predictions_is_right():
    predicted, losses = random(8).requires_grad_(), random(8, 1).requires_grad_()
    ranking_loss(predicted, losses).backward()
    assert losses.grad is None
    for ties in ("masked", "released"):
        assert torch.autograd.gradcheck(lambda x, t=ties: ranking_loss(x, losses, ties=t), (predicted,))


def test_single_precision_stays_single():
    assert ranking_loss(random(6).float(), random(6, 1)).dtype == torch.float32


@pytest.mark.parametrize("margin", [0.0, -1.0, float("nan"), float("inf")])
def test_a_margin_must_be_positive(margin: float):
    with pytest.raises(ValueError, match="margin must be a positive number, but it is"):
        ranking_loss(random(4), random(4), margin=margin)


def test_other_conventions_for_ties_are_refused():
    with pytest.raises(ValueError, match="ties must be one of masked, released, but it is 'up'"):
        ranking_loss(random(4), random(4), ties="up")
