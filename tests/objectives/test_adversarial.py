"""VAAL's and WAAL's losses: the cards' numbers, torch's own formulas, gradients by differences, and signs."""

import math

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from bayesal.objectives import adversarial
from bayesal.objectives.adversarial import (
    between,
    critic_difference,
    discriminator_loss,
    fooling_loss,
    gradient_penalty,
    kl,
    label_bound,
    vae_loss,
    waal_score,
)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def test_the_divergence_of_the_card_and_of_torch():
    mean, log_variance = torch.tensor([[0.5, -0.2]]).double(), torch.tensor([[0.1, -0.3]]).double()
    assert kl(mean, log_variance).item() == pytest.approx(0.167995, abs=1e-6)
    mean, log_variance = random(5, 3), random(5, 3, seed=1)
    code = Normal(mean, (log_variance / 2).exp())
    expected = kl_divergence(code, Normal(torch.zeros(5, 3).double(), torch.ones(5, 3).double())).sum(1)
    torch.testing.assert_close(kl(mean, log_variance), expected)
    assert not kl(torch.zeros(2, 3), torch.zeros(2, 3)).any()


def test_the_divergence_near_zero_keeps_its_digits_in_single_precision():
    tiny = torch.full((1, 2), 1e-3)
    assert kl(tiny * 0, tiny).item() == pytest.approx(2 * (math.expm1(1e-3) - 1e-3) / 2, rel=1e-3)


def test_both_terms_of_the_autoencoder_have_one_reduction():
    points, out, mean, log_variance = random(4, 1, 2, 3), random(4, 1, 2, 3, seed=1), random(4, 5), random(4, 5, seed=2)
    errors, divergence = (out - points).square().flatten(1), kl(mean, log_variance)
    parts = (out, points, mean, log_variance)
    torch.testing.assert_close(vae_loss(*parts, beta=2), errors.sum(1) + 2 * divergence)
    torch.testing.assert_close(vae_loss(*parts, beta=2, reduction="mean"), errors.mean(1) + 2 * divergence / 5)
    released = vae_loss(*parts, beta=2, reduction="released").mean()
    torch.testing.assert_close(released, F.mse_loss(out, points) + 2 * divergence.sum())
    with pytest.raises(ValueError, match="reduction must be one of sum, mean, released, but it is 'none'"):
        vae_loss(*parts, reduction="none")


def test_labelled_points_are_ones_and_the_code_is_to_make_all_look_labelled():
    labelled, others = random(6), random(4, seed=1)
    bce = F.binary_cross_entropy_with_logits
    ones, zeros = torch.ones_like(others), torch.zeros_like(others)
    said = bce(labelled, torch.ones_like(labelled))
    torch.testing.assert_close(discriminator_loss(labelled, others), said + bce(others, zeros))
    torch.testing.assert_close(fooling_loss(labelled, others), said + bce(others, ones))
    right, wrong = discriminator_loss(labelled + 5, others - 5), discriminator_loss(labelled - 5, others + 5)
    assert right < 0.1 < wrong


def test_no_points_count_as_zero():
    nothing, some = random(0), random(3)
    assert discriminator_loss(nothing, nothing) == fooling_loss(nothing, nothing) == 0
    torch.testing.assert_close(critic_difference(nothing, some), -some.mean())


def test_the_critic_difference_is_one_minus_gamma_times_the_other():
    unlabelled, labelled = random(6), random(4, seed=1)
    torch.testing.assert_close(
        critic_difference(unlabelled, labelled, gamma=0.3), unlabelled.mean() - 0.3 * labelled.mean()
    )


def test_the_best_critic_of_slope_one_measures_the_wasserstein_distance():
    points = random(200)
    torch.testing.assert_close(critic_difference(points + 3, points), torch.tensor(3.0).double())


def test_the_penalty_is_that_of_a_critic_whose_slopes_are_known():
    weight = random(3, seed=5)
    torch.testing.assert_close(gradient_penalty(lambda x: x @ weight, random(7, 3)), (weight.norm() - 1).square())
    points = random(7, 3)
    bowl = (points.norm(dim=1) * 2 - 1).square().mean()
    torch.testing.assert_close(gradient_penalty(lambda x: x.square().sum(1), points), bowl)
    assert gradient_penalty(lambda x: x @ weight / weight.norm(), points).item() == pytest.approx(0, abs=1e-20)


def test_the_penalty_pulls_slopes_to_one_from_either_side_and_forgives_a_flat_critic():
    for scale, sign in ((0.5, -1), (2.0, 1)):
        slope = torch.tensor(scale, dtype=torch.float64, requires_grad=True)
        gradient_penalty(lambda x, s=slope: s * x[:, 0], random(4, 2)).backward()
        assert slope.grad is not None
        assert slope.grad.sign() == sign
    flat = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    value = gradient_penalty(lambda x: x @ flat, random(4, 2))
    value.backward()
    assert value.item() == 1
    assert flat.grad is not None
    assert bool(flat.grad.isfinite().all())


def test_points_between_lie_on_the_line_from_one_to_the_other():
    others, labelled = random(5, 2), random(3, 2, seed=1)
    shares = torch.tensor([0.0, 0.5, 1.0]).double()
    got = between(others, labelled, shares)
    torch.testing.assert_close(got, torch.stack([others[0], (others[1] + labelled[1]) / 2, labelled[2]]))


def test_gradients_are_right():
    out, mean, log_variance = (random(3, 4, seed=s).requires_grad_() for s in range(3))
    points = random(3, 4, seed=9)
    for reduction in adversarial.REDUCTIONS:
        assert torch.autograd.gradcheck(
            lambda *parts, r=reduction: vae_loss(parts[0], points, *parts[1:], beta=0.5, reduction=r),
            (out, mean, log_variance),
        )
    one, other = random(4).requires_grad_(), random(3, seed=1).requires_grad_()
    for loss in (discriminator_loss, fooling_loss, lambda u, v: critic_difference(u, v, gamma=0.2)):
        assert torch.autograd.gradcheck(loss, (one, other))
    assert torch.autograd.gradcheck(lambda x: waal_score(x.log_softmax(1), x[:, 0]), (random(3, 4).requires_grad_(),))
    weights = (random(4, 2).requires_grad_(), random(4, seed=1).requires_grad_())
    assert torch.autograd.gradcheck(
        lambda w, v: gradient_penalty(lambda x: torch.tanh(x @ w.T) @ v, random(5, 2, seed=2)), weights
    )


def test_the_penalty_of_a_network_is_differentiated_by_its_weights():
    critic = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid(), nn.Flatten(0)).double()
    gradient_penalty(critic, random(6, 3)).backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in list(critic.parameters())[:3])


P = torch.tensor([[0.7, 0.2, 0.1], [0.34, 0.33, 0.33], [0.98, 0.01, 0.01]], dtype=torch.float64)


def test_the_bound_on_the_loss_is_that_of_the_card_and_least_where_all_classes_are_alike():
    assert label_bound(P.log()).tolist() == pytest.approx([3.55028, 2.59966, 7.87163], rel=1e-5)
    assert label_bound(torch.full((1, 3), 1 / 3).double().log()).item() < label_bound(P.log()).min()


def test_the_score_falls_with_the_critic_and_stays_finite_where_a_class_is_certain():
    critic = torch.tensor([0.1, 0.2, 0.9]).double()
    expected = [3.55028 - 1, 2.59966 - 2, 7.87163 - 9]
    assert waal_score(P.log(), critic).tolist() == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(waal_score(P.log(), critic, weight=0), label_bound(P.log()))
    certain = torch.tensor([[200.0, 0.0, -200.0]]).log_softmax(1)
    assert bool(waal_score(certain, torch.zeros(1)).isfinite().all())
