"""The diversity term: the card's numbers, its invariances, and the gains of a kernel density estimate on a grid."""

import math

import pytest
import torch
from torch import Generator, Tensor

from bayesal.numerics.divergence import DIVERGENCES, Divergence, set_objective
from bayesal.objectives.diversity import log_overlap, repulsion, squared_distances

NEW, FIRST, SECOND = [0.2, 0.8], [0.9, 0.1], [0.5, 0.5]


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def omega(new: Tensor, *others: Tensor, strength: float = 3.0, planned: int = 11) -> Tensor:
    return log_overlap(squared_distances(new, torch.stack(others)), strength=strength, planned=planned)


def test_the_cards_numbers() -> None:
    distances = squared_distances(rows(NEW), torch.stack([rows(FIRST), rows(SECOND)]))
    assert distances.tolist() == pytest.approx([0.98, 0.18])
    assert float(log_overlap(distances[:1], strength=3.0, planned=11)) == pytest.approx(-0.267273, abs=1e-6)
    assert float(log_overlap(distances, strength=3.0, planned=11)) == pytest.approx(0.540904, abs=1e-6)


def probabilities(seed: int, count: int = 5) -> Tensor:
    return torch.randn(count, 7, 3, generator=Generator().manual_seed(seed), dtype=torch.float64).softmax(-1)


def test_the_order_of_earlier_members_changes_nothing_and_a_copy_has_distance_zero() -> None:
    new, *others = probabilities(0)
    torch.testing.assert_close(omega(new, *others), omega(new, *others[::-1]))
    distances = squared_distances(new, torch.stack([*others, new]))
    assert distances[-1] == 0
    assert (distances[:-1] > 0).all()


def test_without_strength_it_is_a_constant() -> None:
    new, *others = probabilities(1)
    new = new.clone().requires_grad_()
    value = omega(new, *others, strength=0.0)
    assert float(value.detach()) == pytest.approx(math.log(4))
    value.backward()
    assert new.grad is not None
    assert not new.grad.any()


def test_it_stays_within_its_bounds_and_pushes_from_the_nearest_most() -> None:
    sure = torch.eye(2, dtype=torch.float64)[:, None].expand(2, 4, 2)
    assert float(omega(sure[0], sure[1], sure[1])) == pytest.approx(math.log(2) - 6 / 11)
    distances = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64, requires_grad=True)
    log_overlap(distances, strength=8.0, planned=4).backward()
    assert distances.grad is not None
    weights = torch.exp(-2 * distances.detach())
    torch.testing.assert_close(distances.grad, -2 * weights / weights.sum())


def test_distances_without_a_bound_are_cut_off() -> None:
    distances = torch.tensor([1e6, 2e6], requires_grad=True)
    value = log_overlap(distances, strength=3.0, planned=5, most=30.0)
    assert float(value.detach()) == pytest.approx(math.log(2) - 30)
    for name in DIVERGENCES:
        assert repulsion(value, name).isfinite()


def test_the_first_member_has_no_term() -> None:
    with pytest.raises(ValueError, match="no earlier ones to stay away from"):
        log_overlap(torch.zeros(0), strength=3.0, planned=5)


HEIGHT = 0.01


def gains(name: Divergence, p: Tensor, overlap: Tensor, height: float = HEIGHT) -> Tensor:
    """What a box kernel on each cell adds to -D_φ(p, q_S), where q_S is overlap · height."""
    covered = (overlap * height)[None]
    kernels = torch.cat([covered, height * torch.eye(len(p), dtype=p.dtype)])
    chosen = torch.cat([torch.ones(len(p), 1, dtype=torch.bool), torch.eye(len(p), dtype=torch.bool)], dim=1)
    before = set_objective(name, p, kernels, torch.eye(len(p) + 1, dtype=torch.bool)[0], planned=1, floor=0.0)
    return set_objective(name, p, kernels, chosen, planned=1, floor=0.0) - before


def grid(seed: int = 0) -> tuple[Tensor, Tensor]:
    """A posterior on 20 cells, and how many kernels overlap there: from hardly any to several."""
    generator = Generator().manual_seed(seed)
    p = torch.randn(20, generator=generator, dtype=torch.float64).softmax(0)
    return p, torch.logspace(-3, 1, 20, dtype=torch.float64)[torch.randperm(20, generator=generator)]


@pytest.mark.parametrize("unit", [1.0, 0.3])  # the posterior is known up to a factor
@pytest.mark.parametrize("name", ["kl", "chi2", "hellinger"])
def test_the_loss_orders_places_as_the_gains_of_a_kernel_on_a_grid(name: Divergence, unit: float) -> None:
    p, overlap = grid()
    losses = -p.log() + torch.stack([repulsion(value.log(), name) for value in overlap])
    gained = gains(name, p * unit, overlap)
    assert torch.equal(losses.argsort(), gained.argsort(descending=True))
    told = {
        "kl": (-losses).exp() * unit,
        "chi2": HEIGHT * (2 - HEIGHT * losses.exp() / unit),
        "hellinger": 2 * (HEIGHT * unit) ** 0.5 * (-losses / 2).exp() - HEIGHT,
    }
    torch.testing.assert_close(gained, told[name])


def test_of_reverse_kl_the_loss_is_the_gain_of_a_low_kernel() -> None:
    p, overlap = grid()
    overlap = 200 + overlap
    losses = -p.log() + torch.stack([repulsion(value.log(), "reverse_kl") for value in overlap])
    told = HEIGHT * (-losses - math.log(HEIGHT) - 1)
    torch.testing.assert_close(gains("reverse_kl", p, overlap), told, atol=HEIGHT / 200, rtol=0)


def test_of_total_variation_the_loss_is_the_gain_to_first_order() -> None:
    overlap = torch.linspace(0.1, 0.8, 20, dtype=torch.float64)
    for step, scale in [(1e-4, 1.0), (0.0, 1.001)]:  # a step in the log posterior, and one in the overlap
        p = torch.full((20,), HEIGHT, dtype=torch.float64)
        gained = gains("tv", p * math.exp(step), overlap * scale) - gains("tv", p, overlap)
        lost = -step + torch.stack([repulsion((s * scale).log(), "tv") - repulsion(s.log(), "tv") for s in overlap])
        torch.testing.assert_close(gained, -HEIGHT * lost, rtol=1e-3, atol=1e-12)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_how_the_repulsion_fades_is_as_documented(name: Divergence) -> None:
    slopes = []
    for overlap in (1e-8, 1e8 if name != "tv" else 1.0):
        log = torch.tensor(math.log(overlap), dtype=torch.float64, requires_grad=True)
        repulsion(log, name).backward()
        assert log.grad is not None
        slopes.append(float(log.grad))
    fading = {"reverse_kl": 1, "kl": 1 / math.log(1e8), "chi2": 2e-8, "hellinger": 1e-4, "tv": 1e-8}
    assert slopes == pytest.approx([fading[name], 1], rel=1e-3)
