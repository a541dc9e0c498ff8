"""Random features are unbiased, fall off as they should, and follow the kernel they sketch."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import (
    Part,
    Product,
    Represented,
    Scaled,
    Sum,
    acs_grad,
    ensemble,
    laplace,
    linear,
    ntk,
    posterior,
    scale,
    sketch,
)

ROWS = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 8)))
FEATURES = Represented(ROWS[:2], ROWS[2:])
PRODUCT = Product((Part(0, 3), Part(3, 8)))
SUM = Sum((Part(0, 2), PRODUCT, Scaled(Part(2, 8), 0.5)))


def gram(represented: Represented) -> Tensor:
    rows = torch.cat([represented.known, represented.rows])
    return rows @ rows.T if represented.kernel is None else represented.kernel.covariance(rows, rows)


def sketched(represented: Represented, dimension: int, seed: int) -> Represented:
    return sketch(dimension)(represented, generator=Generator().manual_seed(seed))


@pytest.mark.parametrize("kernel", [None, PRODUCT, SUM, Product((Part(0, 2), Part(2, 4), Part(4, 8)))])
def test_the_mean_over_seeds_is_the_kernel(kernel):
    represented = replace(FEATURES, kernel=kernel)
    grams = torch.stack([gram(sketched(represented, 64, seed)) for seed in range(100)])
    error = grams.std(0) / 100**0.5
    assert ((grams.mean(0) - gram(represented)).abs() < 4.5 * error).all()


@pytest.mark.parametrize("kernel", [None, SUM])
def test_the_error_falls_with_the_root_of_the_dimension(kernel):
    represented = replace(FEATURES, kernel=kernel)

    def error(dimension: int) -> float:
        errors = [gram(sketched(represented, dimension, seed)) - gram(represented) for seed in range(40)]
        return float(torch.stack(errors).square().mean().sqrt())

    assert error(32) / error(512) == pytest.approx(4, rel=0.2)


def test_one_sketch_of_features_is_a_product_with_a_matrix_of_variance_one_over_p():
    seen = sketched(FEATURES, 16, 3)
    matrix = torch.randn(8, 16, generator=Generator().manual_seed(3), dtype=torch.float64) / 4
    torch.testing.assert_close(seen.rows, FEATURES.rows @ matrix, rtol=1e-15, atol=1e-15)
    torch.testing.assert_close(seen.known, FEATURES.known @ matrix, rtol=1e-15, atol=1e-15)


def test_one_sketch_of_a_product_is_the_product_of_two():
    seen = sketched(replace(FEATURES, kernel=PRODUCT), 16, 3)
    generator = Generator().manual_seed(3)
    left, right = (torch.randn(size, 16, generator=generator, dtype=torch.float64) / 4 for size in (3, 5))
    expected = 4 * (ROWS[2:, :3] @ left) * (ROWS[2:, 3:] @ right)
    torch.testing.assert_close(seen.rows, expected, rtol=1e-15, atol=1e-15)


def test_products_of_rows_are_sketched_by_their_factors():
    known, rows = (Kronecker(some[:, :3].clone(), some[:, 3:].clone()) for some in (ROWS[:2], ROWS[2:]))
    by_factors = sketched(Represented(known, rows), 16, 0)
    assert torch.equal(by_factors.rows, sketched(replace(FEATURES, kernel=PRODUCT), 16, 0).rows)


def test_the_linear_kernel_is_no_kernel():
    assert torch.equal(sketched(replace(FEATURES, kernel=linear()), 16, 0).rows, sketched(FEATURES, 16, 0).rows)


def test_scaling_may_come_before_or_after():
    generator = Generator().manual_seed(0)
    before = sketched(scale(0.3)(FEATURES, generator=generator), 16, 5)
    after = scale(0.3)(sketched(FEATURES, 16, 5), generator=generator)
    torch.testing.assert_close(before.rows, after.rows)
    product = replace(FEATURES, kernel=PRODUCT)
    before = sketched(scale()(product, generator=generator), 16, 5)
    mean = product.kernel.variance(product.known).mean()
    torch.testing.assert_close(before.rows, sketched(product, 16, 5).rows / mean.sqrt())


def test_a_posterior_after_a_sketch_is_that_of_the_sketch():
    seen = posterior(0.5)(sketched(replace(FEATURES, kernel=PRODUCT), 16, 5), generator=Generator())
    assert seen.kernel is None
    assert seen.rows.shape == (4, 16)


def test_an_ensemble_is_sketched_as_a_sum():
    members = [replace(FEATURES, kernel=PRODUCT), FEATURES]
    grams = torch.stack([gram(sketched(ensemble(members), 64, seed)) for seed in range(80)])
    expected = gram(members[0]) + gram(members[1])
    assert ((grams.mean(0) - expected).abs() < 4.5 * grams.std(0) / 80**0.5).all()


def test_the_kernel_of_gradients_is_sketched_too():
    kernel = acs_grad(0.5)(FEATURES, generator=Generator())
    grams = torch.stack([gram(sketched(kernel, 64, seed)) for seed in range(80)])
    assert ((grams.mean(0) - gram(kernel)).abs() < 4.5 * grams.std(0) / 80**0.5).all()


def test_one_seed_is_one_sketch_in_every_precision_and_block(monkeypatch):
    represented = Represented(FEATURES.known.float(), FEATURES.rows.float())
    seen = sketched(represented, 16, 1)
    assert seen.rows.dtype == torch.float32
    exact = sketched(Represented(represented.known.double(), represented.rows.double()), 16, 1)
    torch.testing.assert_close(seen.rows.double(), exact.rows, rtol=1e-5, atol=1e-6)
    monkeypatch.setattr("bayesal.numerics.linalg.ELEMENTS", 16)
    torch.testing.assert_close(sketched(represented, 16, 1).rows, seen.rows)
    assert torch.equal(sketched(represented, 16, 1).rows, sketched(represented, 16, 1).rows)
    assert not torch.equal(sketched(represented, 16, 2).rows, seen.rows)


def test_empty_pools_and_rows_of_zeros_are_sketched():
    empty = Represented(ROWS[:0], ROWS[:0])
    assert sketched(empty, 16, 0).rows.shape == (0, 16)
    zeros = Represented(ROWS[:1], torch.zeros(3, 8, dtype=torch.float64))
    assert not sketched(zeros, 16, 0).rows.any()


def test_the_global_generator_is_left_alone():
    before = torch.get_rng_state()
    sketched(FEATURES, 16, 0)
    assert torch.equal(before, torch.get_rng_state())


def test_bad_input_gets_a_sentence():
    conditioned = posterior(0.5)(replace(FEATURES, kernel=laplace()), generator=Generator())
    for call, sentence in (
        (lambda: sketch(0), "at least one dimension, but there are 0"),
        (lambda: sketched(replace(FEATURES, kernel=ntk()), 4, 0), "InfiniteNetwork has none"),
        (lambda: sketched(replace(FEATURES, kernel=Sum((Part(0, 2), laplace()))), 4, 0), "Laplace has none"),
        (lambda: sketched(conditioned, 4, 0), r"Remaining has none; sketch before posterior\(\)"),
        (lambda: sketched(Represented(ROWS, ROWS * torch.nan), 4, 0), "rows must be finite numbers, but row 0"),
        (lambda: sketched(Represented(ROWS[..., None], ROWS[..., None]), 4, 0), r"needs features of shape \(N, D\)"),
    ):
        with pytest.raises(ValueError, match=sentence):
            call()
