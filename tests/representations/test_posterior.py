"""Posteriors of kernels against the card, NumPy, and each other: by features and by kernels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import Represented, laplace, ntk, posterior, scale
from tests.representations.oracles import conditioned

KNOWN = torch.tensor([[1, 0], [0, -1]], dtype=torch.float64)
POOL = torch.tensor([[2, 0.3], [0.2, 1.1], [-0.4, 2.1], [1.6, 1.5], [-1.2, 0.5], [0.1, -2.3]], dtype=torch.float64)
CARD = Represented(KNOWN, POOL)
seeds = st.integers(0, 2**32 - 1)


def applied(transform, represented: Represented) -> Represented:
    return transform(represented, generator=Generator().manual_seed(0))


def matrix(represented: Represented) -> Tensor:
    """The kernel between all points: the known, then those to choose from."""
    kernel = represented.kernel or Inner()
    rows = torch.cat([represented.known, represented.rows])
    return kernel.covariance(rows, rows).double()


def variances(represented: Represented) -> Tensor:
    kernel = represented.kernel or Inner()
    return kernel.variance(torch.cat([represented.known, represented.rows])).double()


def some_points(seed: int, known: int = 4, pool: int = 7, dimensions: int = 3) -> Represented:
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(known + pool, dimensions)))
    return Represented(points[:known], points[known:])


@pytest.mark.parametrize("represented", [CARD, replace(CARD, kernel=ntk(1, 2.0, 0.0))], ids=["features", "kernel"])
def test_the_worked_numbers(represented: Represented):
    """A network of one layer, of weight variance D, is the linear kernel."""
    seen = applied(posterior(0.5), represented)
    assert variances(seen)[2:].tolist() == pytest.approx([0.818, 0.25, 0.914, 0.962, 0.338, 1.06], rel=1e-9)
    assert matrix(seen)[2, 3:].tolist() == pytest.approx([0.146, -0.034, 0.73, -0.45, -0.098], rel=1e-9)
    assert seen.notes == ()


@settings(max_examples=40)
@given(seed=seeds, noise=st.floats(1e-3, 10), on=st.sampled_from(["known", "pool"]), count=st.integers(1, 9))
def test_by_features_and_by_kernels_it_is_the_formula(seed: int, noise: float, on: str, count: int):
    prior = some_points(seed, known=count)
    given_ = list(range(count)) if on == "known" else list(range(count, count + 7))
    expected = conditioned(matrix(prior).numpy(), given_, noise)
    by_features = applied(posterior(noise, on=on), prior)
    by_kernel = applied(posterior(noise, on=on), replace(prior, kernel=laplace_free(prior)))
    assert by_features.kernel is None
    assert by_kernel.kernel is not None
    for seen in (by_features, by_kernel):
        np.testing.assert_allclose(matrix(seen).numpy(), expected, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(variances(seen).numpy(), expected.diagonal(), rtol=1e-6, atol=1e-8)


def laplace_free(represented: Represented):
    """The linear kernel of rows in disguise."""
    return ntk(1, float(represented.rows.shape[1]), 0.0)


@settings(max_examples=40)
@given(seed=seeds, kernel=st.sampled_from([laplace(), ntk(3, 1.5, 0.2)]), noise=st.floats(1e-2, 3))
def test_kernels_without_features_are_conditioned_alike(seed: int, kernel, noise: float):
    prior = replace(some_points(seed), kernel=kernel)
    seen = applied(posterior(noise), prior)
    expected = conditioned(matrix(prior).numpy(), [0, 1, 2, 3], noise)
    np.testing.assert_allclose(matrix(seen).numpy(), expected, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(variances(seen).numpy(), expected.diagonal(), rtol=1e-6, atol=1e-9)


@settings(max_examples=40)
@given(seed=seeds)
def test_rows_that_are_not_remembered_say_the_same(seed: int):
    prior = replace(some_points(seed), kernel=laplace())
    remembered = applied(posterior(0.1), prior)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bayesal.representations.given.REMEMBERED", 17)
        asked = applied(posterior(0.1), prior)
    assert torch.equal(asked.rows, prior.rows)
    assert remembered.rows.shape == (7, 3 + 4)
    torch.testing.assert_close(matrix(asked), matrix(remembered), rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(variances(asked), variances(remembered), rtol=1e-9, atol=1e-12)


def test_more_features_than_points_go_by_the_kernel():
    prior = some_points(0, dimensions=1025)
    seen = applied(posterior(0.3), prior)
    assert seen.kernel is not None
    np.testing.assert_allclose(
        matrix(seen).numpy(), conditioned(matrix(prior).numpy(), [0, 1, 2, 3], 0.3), rtol=1e-8, atol=1e-9
    )
    many = some_points(0, known=342, dimensions=1025)
    assert applied(posterior(0.3), many).kernel is None


def test_places_in_a_pool_are_conditioned_too():
    """A kernel of one's own whose rows are no floats."""
    points = some_points(0)
    joint = matrix(points)

    class Dense:
        def variance(self, rows: Tensor, /) -> Tensor:
            return joint.diagonal()[rows]

        def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
            return joint[rows][:, points]

    seen = applied(posterior(0.3), Represented(torch.arange(4), torch.arange(4, 11), Dense()))
    np.testing.assert_allclose(
        matrix(seen).numpy(), conditioned(joint.numpy(), [0, 1, 2, 3], 0.3), rtol=1e-8, atol=1e-10
    )


@pytest.mark.parametrize("dimensions", [3, 40])
def test_products_of_rows_are_conditioned_as_if_written_down(dimensions: int):
    rng = np.random.default_rng(0)
    left, right = (torch.from_numpy(rng.normal(size=(9, size))) for size in (4, dimensions * 10))
    product = Represented(Kronecker(left[:3], right[:3]), Kronecker(left[3:], right[3:]))
    seen = applied(posterior(0.2, scaled=True), product)
    assert (seen.kernel is None) == (dimensions == 3)
    dense = (left[:, :, None] * right[:, None]).flatten(1)
    dense = dense / dense[:3].square().sum(1).mean().sqrt()
    expected = conditioned((dense @ dense.T).numpy(), [0, 1, 2], 0.2)
    np.testing.assert_allclose(matrix(seen).numpy(), expected, rtol=1e-8, atol=1e-10)


@settings(max_examples=40)
@given(seed=seeds)
def test_scaled_is_scale_first(seed: int):
    prior = some_points(seed)
    once, twice = applied(posterior(0.3, scaled=True), prior), applied(posterior(0.3), applied(scale(), prior))
    assert torch.equal(once.rows, twice.rows)


@settings(max_examples=40)
@given(seed=seeds)
def test_labels_never_add_variance_and_noiseless_ones_leave_none(seed: int):
    prior = replace(some_points(seed), kernel=laplace())
    less, more = (applied(posterior(noise), prior) for noise in (1.0, 0.1))
    assert (variances(less) <= variances(prior) + 1e-12).all()
    assert (variances(more) <= variances(less) + 1e-12).all()
    assert (variances(applied(posterior(1e-5), prior))[:4] < 2e-10).all()


def test_without_known_points_nothing_changes():
    for kernel in (None, laplace()):
        prior = Represented(POOL[:0], POOL, kernel)
        seen = applied(posterior(0.1), prior)
        assert torch.equal(seen.rows, POOL)
        torch.testing.assert_close(matrix(seen), matrix(prior))


@pytest.mark.parametrize("kernel", [None, ntk(1, 2.0, 0.0)])
def test_no_noise_beside_copies_is_raised_and_reported(kernel):
    known = torch.cat([KNOWN, KNOWN, torch.zeros(1, 2, dtype=torch.float64)])
    seen = applied(posterior(0), Represented(known, POOL, kernel))
    assert len(seen.notes) == 1
    assert seen.notes[0].startswith("noise 0 is too small beside known rows whose kernel has the trace 4")
    assert "so that 4e-12 is the variance used" in seen.notes[0]
    assert (variances(seen) <= 1e-9).all()
    assert (variances(seen) >= 0).all()


def test_known_points_that_vanish_tell_nothing():
    for kernel in (None, ntk(1, 2.0, 0.0)):
        prior = Represented(torch.zeros(2, 2, dtype=torch.float64), POOL, kernel)
        seen = applied(posterior(0), prior)
        torch.testing.assert_close(matrix(seen), matrix(prior))
        assert seen.notes == ()


def test_float32_rows_come_back_in_float32_with_the_variances_of_float64():
    """At σ = 1e-3 the posterior variances are a millionth of the prior's, beyond a float32 subtraction."""
    prior = some_points(0, known=100, pool=30, dimensions=8)
    prior = Represented(prior.known.float(), prior.rows.float())
    seen = applied(posterior(1e-3), prior)
    assert seen.rows.dtype == torch.float32
    exact = Represented(prior.known.double(), prior.rows.double())
    torch.testing.assert_close(variances(seen), variances(applied(posterior(1e-3), exact)), rtol=1e-5, atol=0)
    by_kernel = applied(posterior(1e-3), replace(prior, kernel=laplace_free(prior)))
    torch.testing.assert_close(variances(by_kernel), variances(seen), rtol=1e-4, atol=0)
    assert (
        applied(posterior(1e-3), Represented(prior.known.bfloat16(), prior.rows.bfloat16())).rows.dtype == torch.float32
    )


def test_results_do_not_depend_on_the_block(monkeypatch):
    prior = some_points(3, known=5, pool=40)
    whole = applied(posterior(0.1), prior)
    monkeypatch.setattr("bayesal.numerics.linalg.ELEMENTS", 6)
    torch.testing.assert_close(applied(posterior(0.1), prior).rows, whole.rows, rtol=1e-13, atol=0)


def test_bad_input_gets_a_sentence():
    indefinite = ntk(1, 2.0, 0.0)
    for call, sentence in (
        (lambda: posterior(-0.1), "noise is the standard deviation of labels, a number of at least 0, but it is -0.1"),
        (lambda: posterior(float("nan")), "noise is the standard deviation"),
        (lambda: posterior(1.0, on="train"), 'posterior is on the "known" rows or on the "pool", but on is \'train\''),
        (lambda: applied(posterior(1.0), Represented(KNOWN * torch.nan, POOL)), "the known rows must be finite"),
        (lambda: applied(posterior(1.0), Represented(KNOWN, POOL * torch.inf)), "rows must be finite numbers"),
        (lambda: applied(posterior(1.0), Represented(KNOWN[..., None], POOL[..., None])), "posterior needs features"),
        (lambda: applied(posterior(1.0), Represented(KNOWN[0], POOL[0])), "posterior needs features"),
        (lambda: applied(posterior(1.0), Represented(KNOWN.int(), POOL.int())), "posterior needs features"),
        (lambda: Represented(KNOWN[:, :1], POOL), "known rows and rows must be of one kind"),
        (lambda: Represented(KNOWN.float(), POOL), "known rows and rows must be of one kind"),
        (
            lambda: Represented(KNOWN, POOL, labels=torch.zeros(3)),
            "2 known points need as many labels, but there are 3",
        ),
        (lambda: applied(posterior(0.1), Represented(KNOWN, POOL, Negative(indefinite))), "not positive semi-definite"),
        (lambda: applied(posterior(0.1, scaled=True), Represented(KNOWN[:0], POOL)), "label a few points first"),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()


class Negative:
    """A kernel that is none."""

    def __init__(self, kernel) -> None:
        self.kernel = kernel

    def variance(self, rows: Tensor, /) -> Tensor:
        return self.kernel.variance(rows)

    def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
        return self.kernel.covariance(rows, points) + 2
