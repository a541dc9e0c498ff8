"""Random functions of variance 1: their closed-form law, and that they are functions."""

import math

import pytest
import torch
from torch import Generator, Tensor

from bayesal.posteriors.nomu_parts.dependence import Dependence, OfFeatures, Places, Shared
from bayesal.posteriors.nomu_parts.hashed import Independent, keys


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def places(points: Tensor) -> Places:
    return Places(points.double(), keys(points))


TRAINING = torch.randn(9, 3, generator=seed(1), dtype=torch.float64)
POINTS = torch.randn(12, 3, generator=seed(2), dtype=torch.float64)
LAWS = (OfFeatures(TRAINING), Independent(), Shared())


def dense(training: Tensor, points: Tensor) -> Tensor:
    """The posterior correlation of a Gaussian process with noise 1e-6, as the textbook has it."""
    everything = torch.cat([training, points])
    distances = torch.cdist(everything, everything, compute_mode="donot_use_mm_for_euclid_dist")
    n = len(training)
    length = distances[:n, :n][torch.ones(n, n).triu(1).bool()].median()
    kernel = torch.exp(-distances.square() / (2 * length**2))
    known = torch.linalg.inv(kernel[:n, :n] + 1e-6 * torch.eye(n, dtype=torch.float64))
    left = kernel[n:, n:] - kernel[n:, :n] @ known @ kernel[:n, n:]
    spread = left.diagonal().sqrt()
    return left / spread / spread[:, None]


def test_the_correlation_is_that_of_a_process_that_knows_the_training_points():
    law = OfFeatures(TRAINING)
    torch.testing.assert_close(
        law.correlation(places(POINTS), places(POINTS)), dense(TRAINING, POINTS), atol=1e-8, rtol=0
    )
    mixed = torch.cat([POINTS[:3], POINTS[:2]])
    twice = law.correlation(places(mixed), places(mixed))
    torch.testing.assert_close(twice[3:, :2], twice[:2, :2])
    assert twice[3, 0].item() == pytest.approx(1)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_draws_have_the_correlation_and_variance_exactly_1(law: Dependence):
    points = torch.cat([POINTS, POINTS[:1]])
    count = 5_000
    drawn = law.draw(count, generator=seed(3))(places(points))
    assert drawn.mean(1).abs().max() < 4 / math.sqrt(count)
    assert (drawn.square().mean(1) - 1).abs().max() < 4 * math.sqrt(2 / count)
    expected = law.correlation(places(points), places(points))
    assert (drawn @ drawn.T / count - expected).abs().max() < 4 / math.sqrt(count) + 0.05
    torch.testing.assert_close(drawn[-1], drawn[0])


def test_next_to_and_on_training_points_the_variance_is_still_1():
    near = torch.cat([TRAINING, TRAINING + 1e-9, TRAINING + 1e-3])
    waves = OfFeatures(TRAINING).draw(5, generator=seed())
    lengths = waves.directions(near).square().sum(1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), atol=1e-12, rtol=0)
    again = OfFeatures(TRAINING.repeat(3, 1)).draw(5, generator=seed())(places(near))
    assert again.isfinite().all()


@pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__)
def test_a_draw_is_one_function_in_any_chunk(law: Dependence):
    functions = law.draw(4, generator=seed())
    whole = functions(places(POINTS))
    parts = torch.cat([functions(places(some)) for some in POINTS.split(5)])
    torch.testing.assert_close(parts, whole, atol=1e-10, rtol=0)
    assert functions(places(POINTS[:0])).shape == (0, 4)
    assert law.draw(4, generator=seed(1))(places(POINTS)).ne(whole).all()


def test_one_training_point_and_equal_ones_are_enough():
    for training in (TRAINING[:1], TRAINING[:1].repeat(4, 1)):
        law = OfFeatures(training)
        assert law.draw(3, generator=seed())(places(POINTS)).isfinite().all()
        assert (law.correlation(places(POINTS), places(POINTS)).diagonal() - 1).abs().max() < 1e-9


def test_hashed_values_are_normal_and_depend_on_every_number_of_a_point():
    grid = torch.cartesian_prod(torch.arange(100.0), torch.arange(100.0))
    one = Independent().draw(2, generator=seed())(places(grid)).T
    for values in one:
        counts = torch.histc(torch.special.ndtr(values), 20, 0, 1)
        assert ((counts - 500).square() / 500).sum() < 45  # χ² with 19 degrees of freedom: one in a thousand above 43.8
    assert abs(torch.corrcoef(one)[0, 1].item()) < 0.04
    table = one[0].reshape(100, 100)
    neighbours = [(table[1:] * table[:-1]).mean(), (table[:, 1:] * table[:, :-1]).mean(), (table * table.T).mean()]
    assert all(abs(value.item() - 0.01 * (m == 2)) < 0.05 for m, value in enumerate(neighbours))


def test_keys_are_equal_for_equal_points_only():
    points = torch.tensor([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0], [0.0, 1.0 + 2**-23]])
    found = keys(points)
    assert found[0] == found[1]
    assert len(found.unique()) == 3
    assert torch.equal(keys(points.double()), found)
