"""Choosing with a posterior is choosing with the prior when known points are given: the card's identity 2."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.representations import Represented, laplace, ntk, posterior
from bayesal.selection import JointBALD, grow
from bayesal.types import Selection

KNOWN = torch.tensor([[1, 0], [0, -1]], dtype=torch.float64)
POOL = torch.tensor([[2, 0.3], [0.2, 1.1], [-0.4, 2.1], [1.6, 1.5], [-1.2, 0.5], [0.1, -2.3]], dtype=torch.float64)
seeds = st.integers(0, 2**32 - 1)


def grown(represented: Represented, noise: float, batch_size: int, given: Tensor | None = None) -> Selection:
    """The largest determinant: JointBALD's noise is a variance."""
    rule = JointBALD(noise**2, represented.kernel)
    return grow(rule, represented.rows, batch_size, given=given, generator=Generator())


@pytest.mark.parametrize("kernel", [None, ntk(1, 2.0, 0.0)], ids=["features", "kernel"])
def test_the_worked_batch(kernel):
    prior = Represented(KNOWN, POOL, kernel)
    after = grown(posterior(0.5)(prior, generator=Generator()), 0.5, 3)
    before = grown(prior, 0.5, 3, given=KNOWN)
    assert after.ids == before.ids == [5, 0, 3]
    scores = 0.25 * torch.exp(2 * after.scores), 0.25 * torch.exp(2 * after.gains)
    assert scores[0].tolist() == pytest.approx([1.31, 1.068, 1.212])
    assert scores[1].tolist() == pytest.approx([1.31, 1.06067, 0.444547], rel=1e-5)


@settings(max_examples=20)
@given(
    seed=seeds,
    kernel=st.sampled_from([None, laplace(), ntk(3, 1.5, 0.1), ntk(1, 3.0, 0.0)]),
    noise=st.sampled_from([1e-2, 0.3, 2.0]),
)
def test_given_known_points_or_after_them_the_batch_is_the_same(seed: int, kernel, noise: float):
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(14, 3)))
    prior = Represented(points[:5], points[5:], kernel)
    after = grown(posterior(noise)(prior, generator=Generator()), noise, 6)
    before = grown(prior, noise, 6, given=prior.known)
    torch.testing.assert_close(after.gains, before.gains, rtol=1e-6, atol=1e-8)
    assert after.ids == before.ids


@settings(max_examples=20)
@given(seed=seeds, noise=st.sampled_from([0.1, 1.0]))
def test_gains_add_up_to_a_ratio_of_determinants(seed: int, noise: float):
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(12, 3)))
    kernel = ntk(3, 1.5, 0.1)
    chosen = grown(posterior(noise)(Represented(points[:4], points[4:], kernel), generator=Generator()), noise, 4)
    matrix = kernel.covariance(points, points).numpy() + noise**2 * np.eye(12)

    def log_determinant(places: list[int]) -> float:
        return np.linalg.slogdet(matrix[np.ix_(places, places)])[1]

    known = list(range(4))
    total = log_determinant([*known, *(4 + place for place in chosen.ids)]) - log_determinant(known)
    assert 2 * float(chosen.gains.sum()) + 4 * np.log(noise**2) == pytest.approx(total, rel=1e-7, abs=1e-7)


@settings(max_examples=20)
@given(seed=seeds, noise=st.sampled_from([1e-2, 0.3]))
def test_a_posterior_in_two_steps_is_one(seed: int, noise: float):
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(12, 3)))
    for kernel in (None, laplace()):
        once = posterior(noise)(Represented(points[:6], points[6:], kernel), generator=Generator())
        first = posterior(noise)(Represented(points[:3], points[3:], kernel), generator=Generator())
        second = posterior(noise)(Represented(first.rows[:3], first.rows[3:], first.kernel), generator=Generator())
        expected, seen = (
            some.rows @ some.rows.T if some.kernel is None else some.kernel.covariance(some.rows, some.rows)
            for some in (once, second)
        )
        torch.testing.assert_close(seen, expected, rtol=1e-6, atol=1e-9)
