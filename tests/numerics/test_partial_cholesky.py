"""What is left of variances against conditional variances by inversion."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.numerics.partial_cholesky import PartialCholesky

seeds = st.integers(0, 2**32 - 1)


def covariance(seed: int, size: int = 7) -> np.ndarray:
    some = np.random.default_rng(seed).normal(size=(size, size))
    return some @ some.T + 0.1 * np.eye(size)


@given(seed=seeds, count=st.integers(0, 5))
def test_what_is_left_is_the_conditional_variance(seed: int, count: int):
    matrix = covariance(seed)
    dense = torch.from_numpy(matrix)
    known = np.random.default_rng(seed).permutation(7)[:count].tolist()
    state = PartialCholesky.of(dense.diagonal())
    for size, point in enumerate(known):
        state = state.added(dense[:, point], dense[known[:size], point], float(dense[point, point]))
    expected = matrix - matrix[:, known] @ np.linalg.inv(matrix[np.ix_(known, known)]) @ matrix[known]
    np.testing.assert_allclose(state.left, expected.diagonal(), rtol=1e-8, atol=1e-9)
    assert state.determined.nonzero()[:, 0].tolist() == sorted(known)
    np.testing.assert_allclose(state.factor @ state.factor.mT, matrix[np.ix_(known, known)], rtol=1e-10)


def test_a_point_that_others_determine_is_refused():
    ones = torch.ones(2, dtype=torch.float64)
    state = PartialCholesky.of(ones).added(ones, ones[:0], 1.0)
    with pytest.raises(ValueError, match="the others leave nothing"):
        state.added(ones, ones[:1], 1.0)
