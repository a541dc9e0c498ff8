"""FeatureSim: the card's numbers, plain loops, and what happens where there is nothing to compare with."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.acquisitions import FeatureSimilarity, feature_similarity

LABELLED = torch.tensor([[3.0, 0.0], [1.0, 1.0], [0.0, 2.0], [-1.0, 1.0]])
CLASSES = torch.tensor([0, 0, 1, 1])
POOL = torch.tensor([[2.0, 1.0], [0.0, -1.0], [-2.0, 2.0], [1.0, 3.0]])


def slowly(
    known: Tensor, labels: Tensor, points: Tensor, guesses: Tensor, normalize: str, classwise: bool
) -> list[float]:
    scores = []
    for z, guess in zip(points.tolist(), guesses.tolist(), strict=True):
        best = -math.inf
        for other, label in zip(known.tolist(), labels.tolist(), strict=True):
            length = math.hypot(*other)
            if (classwise and label != guess) or length == 0:
                continue
            product = sum(a * b for a, b in zip(z, other, strict=True)) / length
            if normalize == "both":
                product /= math.hypot(*z) or 1.0
            best = max(best, product)
        scores.append(-best)
    return scores


def test_the_worked_numbers() -> None:
    one_sided = FeatureSimilarity(LABELLED, CLASSES)(POOL, CLASSES)
    assert (-one_sided).tolist() == pytest.approx([2.12132, 0, 2.82843, 3], rel=1e-5)
    cosine = FeatureSimilarity(LABELLED, CLASSES, normalize="both")(POOL, CLASSES)
    assert (-cosine).tolist() == pytest.approx([0.948683, 0, 1, 0.948683], rel=1e-5)
    for scores, order in ((one_sided, [1, 0, 2, 3]), (cosine, [1, 0, 3, 2])):
        assert [*scores[:2].argsort(descending=True), *(2 + scores[2:].argsort(descending=True))] == order


@given(
    st.integers(0, 999),
    st.integers(1, 9),
    st.integers(0, 9),
    st.sampled_from(["labelled", "both"]),
    st.booleans(),
)
def test_it_is_the_largest_product_in_a_plain_loop(
    seed: int, num: int, n: int, normalize: str, classwise: bool
) -> None:
    generator = Generator().manual_seed(seed)
    known = torch.randn(num, 3, generator=generator, dtype=torch.float64)
    known[torch.rand(num, generator=generator) < 0.2] = 0
    known[0] = torch.tensor([1.0, 2.0, 3.0])
    points = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    points[torch.rand(n, generator=generator) < 0.2] = 0
    labels = torch.randint(3, (num,), generator=generator)
    guesses = torch.randint(4, (n,), generator=generator)
    scores = FeatureSimilarity(known, labels, normalize=normalize, classwise=classwise)(points, guesses)
    expected = slowly(known, labels, points, guesses, normalize, classwise)
    assert scores.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, generator: Generator) -> None:
    known, points = torch.randn(50, 4, generator=generator), torch.randn(30, 4, generator=generator)
    labels, guesses = torch.arange(50) % 3, torch.arange(30) % 3
    whole = FeatureSimilarity(known, labels)(points, guesses)
    monkeypatch.setattr(feature_similarity, "ELEMENTS", 7)
    assert torch.allclose(FeatureSimilarity(known, labels)(points, guesses), whole)


def test_a_point_equal_to_a_labelled_one_has_cosine_one(generator: Generator) -> None:
    known = torch.randn(6, 4, generator=generator)
    scores = FeatureSimilarity(known, torch.arange(6) % 2, normalize="both")(known * 3, torch.arange(6) % 2)
    assert torch.allclose(scores, -torch.ones(6, dtype=torch.float64))


def test_rotations_change_nothing(generator: Generator) -> None:
    rotation = torch.linalg.qr(torch.randn(2, 2, generator=generator, dtype=torch.float64)).Q
    turned = FeatureSimilarity(LABELLED.double() @ rotation, CLASSES)(POOL.double() @ rotation, CLASSES)
    assert torch.allclose(turned, FeatureSimilarity(LABELLED, CLASSES)(POOL, CLASSES))


def test_a_guess_without_an_example_is_asked_first() -> None:
    compare = FeatureSimilarity(LABELLED, CLASSES)
    guesses = torch.tensor([0, 5, 1, 5])
    assert compare(POOL, guesses).isposinf().tolist() == [False, True, False, True]
    assert compare.has_example(guesses).tolist() == [True, False, True, False]
    agnostic = FeatureSimilarity(LABELLED, CLASSES, classwise=False)
    assert bool(agnostic(POOL, guesses).isfinite().all())
    assert bool(agnostic.has_example(guesses).all())


def test_a_labelled_zero_is_no_example() -> None:
    known = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    assert FeatureSimilarity(known, torch.tensor([0, 1]))(POOL, torch.ones_like(CLASSES)).isposinf().all()
    with pytest.raises(ValueError, match="all labelled features are zero"):
        FeatureSimilarity(torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64))


def test_a_zero_of_the_pool_is_like_nothing() -> None:
    for normalize in ("labelled", "both"):
        scores = FeatureSimilarity(LABELLED, CLASSES, normalize=normalize)(torch.zeros(2, 2), torch.tensor([0, 1]))
        assert scores.tolist() == [0, 0]


def test_features_of_few_bits_are_compared_in_double() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        scores = FeatureSimilarity(LABELLED.to(dtype), CLASSES)(POOL.to(dtype), CLASSES)
        assert scores.dtype == torch.float64
        assert torch.equal(scores, FeatureSimilarity(LABELLED, CLASSES)(POOL, CLASSES))


def test_an_empty_pool_has_no_scores() -> None:
    assert FeatureSimilarity(LABELLED, CLASSES)(torch.empty(0, 2), torch.empty(0, dtype=torch.int64)).shape == (0,)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one, but their shapes are \(0, 2\) and \(0,\)"):
        FeatureSimilarity(torch.empty(0, 2), torch.empty(0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"a class for each .* \(4, 2\) and \(3,\)"):
        FeatureSimilarity(LABELLED, CLASSES[:3])
    with pytest.raises(ValueError, match=r"the labels are torch.float32"):
        FeatureSimilarity(LABELLED, CLASSES.float())
    with pytest.raises(ValueError, match=r"features \(N, 2\) like the labelled ones .* \(4, 3\) and \(4,\)"):
        FeatureSimilarity(LABELLED, CLASSES)(torch.zeros(4, 3), CLASSES)
    with pytest.raises(ValueError, match="labelled row 2 holds NaN or infinities"):
        FeatureSimilarity(LABELLED.index_fill(0, torch.tensor(2), math.nan), CLASSES)
    with pytest.raises(ValueError, match="but row 1 holds NaN or infinities"):
        FeatureSimilarity(LABELLED, CLASSES)(POOL.index_fill(0, torch.tensor(1), math.inf), CLASSES)
    with pytest.raises(ValueError, match=r"normalize must be labelled or both, but it is 'none'"):
        FeatureSimilarity(LABELLED, CLASSES, normalize="none")
