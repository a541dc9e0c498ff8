"""Fisher factors: the card's numbers, the Hessian of cross-entropy by autograd, and what does not change them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from bayesal.numerics.kronecker import Kronecker
from bayesal.representations import binary_fisher_factors, fisher_factors

seeds = st.integers(0, 2**32 - 1)
LOGITS = torch.tensor([[2, 0, -1], [0.2, 0.1, 0], [0, 1, 0.9], [3, -3, 0], [-1, 0.5, 0.4]], dtype=torch.float64)
FEATURES = torch.tensor([[1, 0], [1, 1], [0, 2], [2, 1], [0.5, 0.5]], dtype=torch.float64)


def informations(logits: Tensor, features: Tensor) -> Tensor:
    factors = fisher_factors(logits, features)
    assert isinstance(factors, Kronecker)
    return factors.dense().mT @ factors.dense()


def test_the_worked_numbers():
    seen = informations(LOGITS, FEATURES).diagonal(dim1=1, dim2=2).sum(1)
    assert seen.tolist() == pytest.approx([0.273205, 1.3289, 2.48676, 0.473142, 0.293682], rel=1e-5)
    assert float(seen.mean()) == pytest.approx(0.971137, rel=1e-5)


@given(seed=seeds, label=st.integers(0, 2))
@settings(max_examples=10)
def test_it_is_the_hessian_of_cross_entropy_whatever_the_label(seed: int, label: int):
    generator = Generator().manual_seed(seed)
    weights, features = (torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in ((3, 4), (1, 4)))

    def loss(flat: Tensor) -> Tensor:
        return cross_entropy(features @ flat.view(3, 4).T, torch.tensor([label]))

    hessian = torch.autograd.functional.hessian(loss, weights.flatten())
    torch.testing.assert_close(informations(features @ weights.T, features)[0], hessian, rtol=1e-9, atol=1e-12)


@given(seed=seeds)
@settings(max_examples=10)
def test_it_is_the_mean_of_squared_gradients(seed: int):
    logits, features = np.random.default_rng(seed).normal(size=(2, 4, 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = np.zeros((4, 9, 9))
    for n in range(4):
        for y in range(3):
            gradient = np.kron(p[n] - np.eye(3)[y], features[n])
            expected[n] += p[n, y] * np.outer(gradient, gradient)
    seen = informations(torch.from_numpy(logits), torch.from_numpy(features))
    np.testing.assert_allclose(seen.numpy(), expected, rtol=1e-9, atol=1e-12)


@given(seed=seeds, shift=st.floats(-50, 50))
@settings(max_examples=10)
def test_a_constant_on_all_logits_changes_nothing(seed: int, shift: float):
    logits = torch.randn(5, 4, generator=Generator().manual_seed(seed), dtype=torch.float64)
    features = torch.ones(5, 2, dtype=torch.float64)
    shifted = fisher_factors(logits + shift, features)
    torch.testing.assert_close(shifted.left, fisher_factors(logits, features).left, rtol=1e-9, atol=1e-12)


def test_one_logit_is_the_second_of_two():
    logits = torch.tensor([[0.0], [1.5], [-40.0]], dtype=torch.float64)
    features = torch.tensor([[1.0, 2.0]], dtype=torch.float64).expand(3, 2)
    two = torch.cat([torch.zeros_like(logits), logits], 1)
    assert torch.equal(fisher_factors(logits, features).left, fisher_factors(two, features).left)
    assert torch.equal(binary_fisher_factors(logits, features), binary_fisher_factors(two, features))
    assert float(informations(logits, features)[0].trace()) == pytest.approx(2 * 0.25 * 5)


def test_a_certain_point_has_no_information_and_a_nearly_certain_one_a_little():
    logits = torch.tensor([[2000.0, 0.0], [40.0, 0.0], [torch.finfo(torch.float32).max, 0.0]])
    features = torch.ones(3, 1)
    left = fisher_factors(logits, features).left
    assert left.isfinite().all()
    assert not left[[0, 2]].any()
    tiny = float(np.exp(-40.0))
    assert float(left[1].square().sum()) == pytest.approx(2 * tiny, rel=1e-4)
    assert float(binary_fisher_factors(logits, features)[1]) == pytest.approx(tiny**0.5, rel=1e-4)
    assert not binary_fisher_factors(logits, features)[[0, 2]].any()


def test_the_binary_surrogate_asks_whether_the_top_class_is_right():
    p = LOGITS.softmax(1).amax(1)
    seen = binary_fisher_factors(LOGITS, FEATURES)
    torch.testing.assert_close(seen, FEATURES * (p * (1 - p)).sqrt()[:, None])
    two = LOGITS[:, :2].softmax(1).log()
    exact = fisher_factors(two, FEATURES).dense().square().sum((1, 2))
    torch.testing.assert_close(2 * binary_fisher_factors(two, FEATURES).square().sum(1), exact)


def test_types_are_those_of_the_features_and_an_empty_pool_is_empty():
    assert fisher_factors(LOGITS.half(), FEATURES.float()).dtype == torch.float32
    assert fisher_factors(LOGITS, FEATURES.bfloat16()).dtype == torch.float32
    assert fisher_factors(LOGITS.float(), FEATURES).dtype == torch.float64
    assert binary_fisher_factors(LOGITS, FEATURES.half()).dtype == torch.float32
    assert fisher_factors(LOGITS[:0], FEATURES[:0]).shape == (0, 3, 6)
    assert fisher_factors(LOGITS, FEATURES).shape == (5, 3, 6)


@pytest.mark.parametrize("function", [fisher_factors, binary_fisher_factors])
def test_what_does_not_fit_gets_a_sentence(function):
    for logits, features in ((LOGITS[0], FEATURES), (LOGITS[:2], FEATURES), (LOGITS[:, :0], FEATURES)):
        with pytest.raises(ValueError, match=r"need logits of shape \(N, C\) and features of shape \(N, D\)"):
            function(logits, features)
    with pytest.raises(ValueError, match="must be floats"):
        function(LOGITS.long(), FEATURES)
    with pytest.raises(ValueError, match="logits must be finite numbers, but row 2"):
        function(LOGITS.index_fill(0, torch.tensor([2]), torch.inf), FEATURES)
    with pytest.raises(ValueError, match="features must be finite numbers, but row 0"):
        function(LOGITS, FEATURES.index_fill(0, torch.tensor([0]), torch.nan))
