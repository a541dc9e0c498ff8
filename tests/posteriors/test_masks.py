"""Masks are bits of a counter: a function of the seed, the hypothesis and the place, and of nothing else."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from bayesal.posteriors.dropout_masks.masks import Site

CPU = torch.device("cpu")
SEEDS = st.integers(0, 2**63 - 2)


@given(seed=SEEDS, p=st.floats(0.01, 0.99), first=st.integers(0, 5), count=st.integers(1, 4))
def test_a_hypothesis_has_its_mask_whatever_others_are_drawn_with_it(
    seed: int, p: float, first: int, count: int
) -> None:
    site = Site((6, 4), torch.float64, p)
    every = site.factors(seed, 1, range(9), CPU)
    some = range(first, first + count)
    assert torch.equal(every[first : first + count], site.factors(seed, 1, some, CPU))
    assert set(every.unique().tolist()) <= {0.0, 1 / (1 - p)}


@given(seed=SEEDS)
def test_seeds_hypotheses_and_places_have_masks_of_their_own(seed: int) -> None:
    site = Site((200,), torch.float32, 0.5)
    masks = torch.cat([site.factors(seed + s, i, range(3), CPU) for s in (0, 1) for i in range(3)])
    assert len(masks.unique(dim=0)) == len(masks)


def test_the_bits_are_the_same_in_every_release() -> None:
    wide = Site((16,), torch.float32, 0.5).factors(2**62 + 1, 3, range(2), CPU) != 0
    assert ["".join(str(int(bit)) for bit in row) for row in wide] == ["0100001101000000", "1010011110010010"]


def test_units_survive_independently() -> None:
    """Over 20,000 hypotheses the correlations of 10 units, within a place and across two, are those of chance."""
    k = 20_000
    bits = torch.cat([Site((10,), torch.float64, 0.3).factors(5, i, range(k), CPU) for i in (0, 1)], dim=1) != 0
    assert (abs(bits.double().mean(0) - 0.7) < 4.5 * math.sqrt(0.21 / k)).all()
    correlations = np.corrcoef(bits.T.double().numpy()) - np.eye(20)
    assert abs(correlations).max() < 4.5 / math.sqrt(k)


def test_dropout_is_what_torch_does_with_the_same_bits() -> None:
    """Torch's own functions, whose bits are read off an input of ones, or off what alpha dropout makes of zeros."""
    x = torch.randn(1, 400, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for function, alpha, channelwise in (
        (F.dropout, False, False),
        (F.dropout1d, False, True),
        (F.alpha_dropout, True, False),
        (F.feature_alpha_dropout, True, True),
    ):
        site = Site.of(function, x, 0.3, 1)
        assert (site.alpha, site.channelwise) == (alpha, channelwise)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            expected = function(x, 0.3, training=True)
            torch.manual_seed(1)
            survives = _survivors(function(torch.zeros_like(x) if alpha else torch.ones_like(x), 0.3, training=True))
        torch.testing.assert_close(site.apply(x, survives * site.scale), expected, rtol=1e-12, atol=1e-12)


def _survivors(marked: Tensor) -> Tensor:
    return (marked == marked.max()).to(marked.dtype)
