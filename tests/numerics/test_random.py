"""Gumbel noise and drawing without replacement."""

import math

import pytest
import torch

from bayesal.numerics import random
from bayesal.numerics.random import gumbel, gumbel_top_k
from tests.oracles import inclusion_probabilities


def test_noise_has_the_moments_and_the_distribution_of_gumbel(generator):
    noise = gumbel((200_000,), generator)
    assert noise.dtype == torch.float64
    assert float(noise.mean()) == pytest.approx(0.5772156649, abs=5 * math.pi / math.sqrt(6 * 200_000))
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, rel=0.02)
    for value in (-1.0, 0.0, 1.0, 3.0):
        cdf = math.exp(-math.exp(-value))
        assert float((noise <= value).double().mean()) == pytest.approx(cdf, abs=5 * math.sqrt(cdf / 200_000))


def test_noise_is_finite_at_both_ends_of_the_uniform(monkeypatch, generator):
    for uniform, expected in ((0.0, -math.log(54 * math.log(2))), (1 - 2.0**-53, 53 * math.log(2))):
        monkeypatch.setattr(torch, "rand", lambda *_, u=uniform, **__: torch.full((1,), u, dtype=torch.float64))
        assert float(gumbel((1,), generator)) == pytest.approx(expected, rel=1e-9)


def test_noise_is_that_of_the_generator_alone():
    torch.manual_seed(1)
    first = gumbel((5,), torch.Generator().manual_seed(3))
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(gumbel((5,), torch.Generator().manual_seed(3)), first)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_inclusion_follows_the_weights(k, generator):
    """Luce: in one drawing of all, the order within each group of four is a drawing from that group alone."""
    weights, groups = [0.5, 0.3, 0.2, 0.1], 200_000
    order = gumbel_top_k(torch.tensor(weights).log().repeat(groups), 4 * groups, generator=generator)
    place = torch.empty(4 * groups, dtype=torch.int64)
    place[order] = torch.arange(4 * groups)
    drawn = place.view(groups, 4).argsort(1).argsort(1) < k
    for seen, p in zip(drawn.double().mean(0).tolist(), inclusion_probabilities(weights, k), strict=True):
        assert abs(seen - p) <= 5 * math.sqrt(p * (1 - p) / groups)


def test_positions_are_distinct_and_in_the_order_drawn(generator):
    weights = torch.tensor([0.0, 50.0, 100.0, -50.0])
    assert gumbel_top_k(weights, 4, generator=generator).tolist() == [2, 1, 0, 3]
    assert sorted(gumbel_top_k(torch.zeros(1000), 1000, generator=generator).tolist()) == list(range(1000))


def test_chunks_do_not_matter(monkeypatch):
    weights = torch.randn(1000)
    whole = gumbel_top_k(weights, 50, generator=torch.Generator().manual_seed(0))
    for chunk in (1, 7, 999):
        monkeypatch.setattr(random, "CHUNK", chunk)
        assert torch.equal(gumbel_top_k(weights, 50, generator=torch.Generator().manual_seed(0)), whole)


def test_more_weights_than_multinomial_can_take(generator):
    """30 million weights, all but three of them negligible."""
    weights = torch.full((30_000_000,), -1000.0)
    weights[[5, 2**24 + 1, 29_999_999]] = 0
    assert sorted(gumbel_top_k(weights, 3, generator=generator).tolist()) == [5, 2**24 + 1, 29_999_999]


def test_weights_no_float_can_hold(generator):
    weights = torch.tensor([-1e6, -1e6 - 100, -1e9, 1e300], dtype=torch.float64)
    assert gumbel_top_k(weights, 4, generator=generator).tolist() == [3, 0, 1, 2]


def test_a_weight_of_zero_is_never_drawn(generator):
    weights = torch.tensor([0.0, -torch.inf, 0.0, -torch.inf])
    for _ in range(50):
        assert sorted(gumbel_top_k(weights, 2, generator=generator).tolist()) == [0, 2]
    with pytest.raises(ValueError, match="3 draws without replacement need 3 weights above 0, but there are 2"):
        gumbel_top_k(weights, 3, generator=generator)


def test_drawing_nothing_is_fine(generator):
    assert gumbel_top_k(torch.zeros(3), 0, generator=generator).tolist() == []
    assert gumbel_top_k(torch.zeros(0), 0, generator=generator).tolist() == []


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_weights_that_are_not_numbers_are_refused(bad, generator):
    with pytest.raises(ValueError, match=r"number 1 is (nan|inf)"):
        gumbel_top_k(torch.tensor([0.0, bad]), 1, generator=generator)


def test_weights_of_two_axes_are_refused(generator):
    with pytest.raises(ValueError, match=r"one number a point, but they have the shape \(2, 2\)"):
        gumbel_top_k(torch.zeros(2, 2), 1, generator=generator)
