"""FRE: the card's numbers, scikit-learn's principal components, its laws, and small classes."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from torch import Generator, Tensor

from bayesal.acquisitions import ReconstructionError

CLASS = torch.tensor([[1.0, 2.0, 0.0], [2.0, 3.9, 0.1], [3.0, 6.1, -0.1], [4.0, 8.0, 0.0]], dtype=torch.float64)
QUERIES = torch.tensor([[2.0, 4.0, 1.0], [5.0, 10.0, 0.0], [3.0, 3.0, 0.0]], dtype=torch.float64)


def zeros(n: int) -> Tensor:
    return torch.zeros(n, dtype=torch.int64)


def fre(known: Tensor, queries: Tensor, **settings) -> Tensor:
    return ReconstructionError(known, zeros(len(known)), **settings)(queries, zeros(len(queries)))


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, [0.978783, 0.00339089, 1.78237]),
        ({"components": 1}, [0.978783, 0.00339089, 1.78237]),
        ({"components": 2}, [0.166667, 0, 1.5]),
        ({"center": False}, [1.08713, 0.0135636, 1.84765]),
    ],
)
def test_the_worked_numbers(settings: dict, expected: list[float]) -> None:
    assert fre(CLASS, QUERIES, **settings).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-12)


@given(st.integers(0, 999), st.integers(2, 12), st.integers(1, 6), st.sampled_from([1, 2, 0.5, 0.9, 0.995]))
def test_it_is_what_scikit_learn_leaves(seed: int, n: int, d: int, components: float | int) -> None:
    known, queries = normal(n, d, seed) * torch.arange(1, d + 1).double() ** 2 + 5, normal(4, d, seed + 1)
    wanted = components if isinstance(components, float) else min(components, n - 1, d)
    pca = PCA(wanted, svd_solver="full").fit(known.numpy())
    left = queries.numpy() - pca.inverse_transform(pca.transform(queries.numpy()))
    expected = (left**2).sum(1)
    assert np.allclose(fre(known, queries, components=components).numpy(), expected, rtol=1e-7, atol=1e-9)


def test_classes_have_components_of_their_own() -> None:
    known, labels = torch.cat([CLASS, normal(5, 3) + 20]), torch.tensor([4] * 4 + [1] * 5)
    guesses = torch.tensor([4, 1, 4])
    scores = ReconstructionError(known, labels)(QUERIES, guesses)
    assert torch.allclose(scores[[0, 2]], fre(CLASS, QUERIES)[[0, 2]])
    assert torch.allclose(scores[1], fre(known[4:], QUERIES)[1])
    agnostic = ReconstructionError(known, labels, classwise=False)
    assert torch.allclose(agnostic(QUERIES, guesses), fre(known, QUERIES))
    assert bool(agnostic.has_example(guesses).all())


def test_a_guess_without_an_example_is_compared_with_all_that_is_labelled() -> None:
    known, labels = torch.cat([CLASS, normal(5, 3)]), torch.tensor([0] * 4 + [1] * 5)
    compare = ReconstructionError(known, labels)
    assert torch.allclose(compare(QUERIES, torch.tensor([7, 7, 7])), fre(known, QUERIES))
    assert compare.has_example(torch.tensor([0, 7])).tolist() == [True, False]


def test_one_example_alone_is_a_point() -> None:
    expected = (QUERIES - CLASS[0]).square().sum(1)
    assert torch.allclose(fre(CLASS[:1], QUERIES), expected)
    assert torch.allclose(fre(CLASS[:1].expand(3, 3), QUERIES, components=2), expected)
    assert torch.allclose(fre(CLASS[:1] + 1e6, QUERIES + 1e6, components=2), expected)
    assert torch.allclose(fre(CLASS[:1], QUERIES, center=False), QUERIES.square().sum(1))


@given(st.integers(0, 999), st.floats(-100, 100))
def test_rotations_and_translations_change_nothing(seed: int, shift: float) -> None:
    known, queries = normal(6, 4, seed), normal(5, 4, seed + 1)
    rotation = torch.linalg.qr(normal(4, 4, seed + 2)).Q
    for components in (0.9, 2):
        moved = fre(known @ rotation + shift, queries @ rotation + shift, components=components)
        assert torch.allclose(moved, fre(known, queries, components=components), rtol=1e-6, atol=1e-9)


@given(st.integers(0, 999))
def test_it_never_grows_with_components_and_ends_where_labelled_points_have_none(seed: int) -> None:
    known, queries = normal(4, 6, seed), normal(5, 6, seed + 1)
    scores = torch.stack([fre(known, queries, components=m) for m in range(7)])
    assert bool((scores[1:] <= scores[:-1] + 1e-12).all())
    assert torch.allclose(scores[0], (queries - known.mean(0)).square().sum(1))
    assert torch.equal(scores[3], scores[6])
    assert fre(known, known, components=6).max() < 1e-24


def test_what_is_left_of_long_features_is_not_lost() -> None:
    known = torch.tensor([[1e6, 0.0], [-1e6, 0.0]])
    query = torch.tensor([[3e6, 1e-4]], dtype=torch.float64)
    assert float(fre(known, query)) == pytest.approx(1e-8, rel=1e-9)


def test_float32_gives_the_score_of_its_own_numbers() -> None:
    scores = fre(CLASS.float(), QUERIES.float())
    assert scores.dtype == torch.float64
    assert torch.equal(scores, fre(CLASS.float().double(), QUERIES))


def test_an_empty_pool_has_no_scores() -> None:
    assert fre(CLASS, torch.empty(0, 3)).shape == (0,)


def test_what_does_not_fit_is_refused() -> None:
    for bad in (0.0, 1.0, -0.5, math.nan, -1):
        with pytest.raises(ValueError, match="components must be a share of the variance between 0 and 1, or a whole"):
            fre(CLASS, QUERIES, components=bad)
    with pytest.raises(ValueError, match=r"features \(N, 3\) like the labelled ones"):
        fre(CLASS, QUERIES[:, :2])
    with pytest.raises(ValueError, match="labelled row 1 holds NaN"):
        fre(CLASS.index_fill(0, torch.tensor(1), math.nan), QUERIES)
