"""Bands around a mean: coverage, width and density against counting and torch's own normal law."""

import pytest
import torch
from torch import Generator
from torch.distributions import Normal

from bayesal.numerics.bands import coverage, mean_width, nlpd, widths_at_coverage


def test_four_labels_by_hand():
    labels, mean = torch.tensor([0.0, 1.0, 2.0, 3.0]), torch.zeros(4)
    sd = torch.tensor([1.0, 1.0, 1.0, 2.0])
    assert coverage(labels, mean, sd) == 0.5
    assert coverage(labels, mean, sd, 1.5) == 0.75
    assert mean_width(sd, 2.0) == pytest.approx(5.0)
    widths = widths_at_coverage(labels, mean, sd, torch.tensor([0.25, 0.5, 0.7, 1.0]))
    torch.testing.assert_close(widths, torch.tensor([0.0, 2.5, 3.75, 5.0], dtype=torch.float64))


def test_the_density_is_that_of_the_normal_law():
    generator = Generator().manual_seed(0)
    labels, mean = torch.randn(2, 9, generator=generator, dtype=torch.float64)
    sd = torch.rand(9, generator=generator, dtype=torch.float64) + 0.1
    assert nlpd(labels, mean, sd) == pytest.approx(-Normal(mean, sd).log_prob(labels).mean().item())


def test_the_narrowest_bands_of_a_coverage_hold_it_and_narrower_ones_do_not():
    generator = Generator().manual_seed(1)
    labels, mean = torch.randn(2, 37, generator=generator, dtype=torch.float64)
    sd = torch.rand(37, generator=generator, dtype=torch.float64) + 0.1
    shares = torch.linspace(0.05, 1, 20, dtype=torch.float64)
    for share, width in zip(shares, widths_at_coverage(labels, mean, sd, shares), strict=True):
        c = (width / mean_width(sd)).item()
        assert coverage(labels, mean, sd, c * (1 + 1e-9)) >= share - 1e-12
        assert coverage(labels, mean, sd, c * (1 - 1e-9)) < share


def test_a_standard_deviation_of_zero_and_a_share_of_zero_are_refused():
    one = torch.ones(1)
    with pytest.raises(ValueError, match="must be positive"):
        nlpd(one, one, torch.zeros(1))
    with pytest.raises(ValueError, match="shares above 0"):
        widths_at_coverage(one, one, one, torch.zeros(1))
