"""BALanCe of single points: the card's numbers and its laws."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from bayesal.acquisitions import balance
from bayesal.numerics import classes
from bayesal.testing import check_acquisition
from tests.oracles import PAIRS, edges_cut

FIXTURE = Categorical(probs=torch.tensor(PAIRS, dtype=torch.float64))
EDGES = torch.tensor([True, False, True])


def draw(seed: int, n: int = 7, pairs: int = 3, c: int = 4, scale: float = 3.0) -> Tensor:
    generator = Generator().manual_seed(seed)
    return (scale * torch.randn(n, 2 * pairs, c, generator=generator, dtype=torch.float64)).log_softmax(-1)


def scores(logits: Tensor, edges: Tensor) -> Tensor:
    return balance(Categorical(logits=logits, validate_args=False), edges)


def test_the_cards_numbers() -> None:
    assert balance(FIXTURE, EDGES).tolist() == pytest.approx([0.557823, 0.208333, 0.216996], abs=5e-7)


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 5), st.lists(st.floats(0, 3), min_size=1, max_size=4))
def test_scores_are_those_of_enumeration(seed: int, n: int, c: int, edges: list[float]) -> None:
    if not any(edges):
        edges[0] = 1.0
    logits = draw(seed, n, len(edges), c)
    expected = [edges_cut(logits.exp().tolist(), [i], edges) for i in range(n)]
    seen = scores(logits, torch.tensor(edges, dtype=torch.float64))
    assert seen.tolist() == pytest.approx(expected, abs=1e-12)
    assert (seen >= 0).all()
    assert (seen <= sum(edges) / len(edges) + 1e-12).all()


def test_it_passes_the_public_checks_of_an_acquisition() -> None:
    assert check_acquisition(lambda p: balance(p, torch.ones(p.batch_shape[1] // 2)), tasks=("classification",))


@given(st.integers(0, 10**6))
def test_scores_are_linear_in_the_edges(seed: int) -> None:
    logits = draw(seed)
    single = [scores(logits, edge) for edge in torch.eye(3, dtype=torch.bool)]
    weighed = scores(logits, torch.tensor([0.5, 2.0, 0.25], dtype=torch.float64))
    torch.testing.assert_close(weighed, 0.5 * single[0] + 2 * single[1] + 0.25 * single[2])


@given(st.integers(0, 10**6), st.permutations(range(3)), st.permutations(range(4)), st.permutations(range(7)))
def test_the_order_of_pairs_of_sets_of_classes_and_of_points_does_not_matter(
    seed: int, pairs: list[int], labels: list[int], points: list[int]
) -> None:
    logits, plain = draw(seed), scores(draw(seed), EDGES)
    torch.testing.assert_close(scores(logits.roll(3, 1), EDGES), plain)
    torch.testing.assert_close(scores(logits[:, pairs + [k + 3 for k in pairs]], EDGES[pairs]), plain)
    torch.testing.assert_close(scores(logits[..., labels], EDGES), plain)
    torch.testing.assert_close(scores(logits[points], EDGES), plain[points])


def test_other_pairs_are_another_question() -> None:
    logits = draw(0)
    assert (scores(logits, EDGES) - scores(logits[:, [0, 1, 2, 4, 5, 3]], EDGES)).abs().max() > 0.01


def test_every_pair_twice_changes_nothing() -> None:
    logits = draw(1)
    twice = logits[:, [0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5]]
    torch.testing.assert_close(scores(twice, EDGES.repeat(2)), scores(logits, EDGES))


@pytest.mark.parametrize("elements", [1, 60, 10**6])
def test_chunks_do_not_matter(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scores(draw(2), EDGES)
    monkeypatch.setattr(classes, "ELEMENTS_PER_CHUNK", elements)
    torch.testing.assert_close(scores(draw(2), EDGES), whole, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.float16, 5e-3), (torch.bfloat16, 3e-2)])
def test_lower_precision_agrees(dtype: torch.dtype, tolerance: float) -> None:
    logits = draw(3, n=40, pairs=20, c=10)
    edges = torch.arange(20) % 3 > 0
    seen = scores(logits.to(dtype), edges)
    assert seen.dtype == torch.float32
    torch.testing.assert_close(seen.double(), scores(logits, edges), rtol=0, atol=tolerance)


def test_two_classes_are_bernoulli() -> None:
    logits = torch.randn(9, 6, generator=Generator().manual_seed(0), dtype=torch.float64)
    both = torch.stack([torch.zeros_like(logits), logits], -1)
    expected = balance(Categorical(logits=both), EDGES)
    torch.testing.assert_close(balance(Bernoulli(logits=logits), EDGES), expected)
    torch.testing.assert_close(balance(Bernoulli(probs=logits.sigmoid()), EDGES), expected)


def test_many_labels_are_summed_and_the_base_is_the_map() -> None:
    logits = torch.randn(9, 6, 4, 3, generator=Generator().manual_seed(0), dtype=torch.float64)
    pixels = Independent(Categorical(logits=logits), 1)
    alone = torch.stack([balance(Categorical(logits=logits[:, :, i]), EDGES) for i in range(4)], 1)
    torch.testing.assert_close(balance(pixels.base_dist, EDGES), alone)
    torch.testing.assert_close(balance(pixels, EDGES), alone.sum(1))
    tags = Independent(Bernoulli(logits=logits[..., 0]), 1)
    torch.testing.assert_close(balance(tags, EDGES), balance(tags.base_dist, EDGES).sum(1))


def test_sure_hypotheses_score_the_share_of_pairs_that_do_not_both_predict_the_label() -> None:
    sure = torch.tensor([[0, 1, 0, 2], [1, 1, 1, 1], [0, 1, 1, 0]])  # pairs (0, 2) and (1, 3) of each row
    predictions = Categorical(probs=torch.eye(3)[sure])
    first = (0.5 * 1 + 0.25 * 2 + 0.25 * 2) / 2  # class 0, which pair 0 shares, has half of the mass
    assert balance(predictions, torch.ones(2)).tolist() == pytest.approx([first, 0, 1], abs=1e-7)


def test_hypotheses_that_are_as_sure_as_can_be_in_float32_give_numbers() -> None:
    logits = draw(4, scale=200.0).float()
    assert torch.isfinite(scores(logits, EDGES)).all()


def test_one_pair_one_class_and_no_points() -> None:
    assert scores(draw(5, pairs=1), torch.tensor([True])).shape == (7,)
    assert scores(draw(5, c=1), EDGES).tolist() == [0] * 7
    assert scores(draw(5)[:0], EDGES).shape == (0,)


def test_without_an_edge_all_is_zero_and_said_so() -> None:
    with pytest.warns(UserWarning, match="no pair of hypotheses has an edge"):
        assert scores(draw(6), torch.zeros(3)).tolist() == [0] * 7


@pytest.mark.parametrize("hypothesis", [0, 1, 5])
@pytest.mark.filterwarnings("ignore:no pair")
def test_nan_is_refused_also_where_there_is_no_edge(hypothesis: int) -> None:
    logits = draw(7)
    logits[2, hypothesis, 1] = torch.nan
    for edges in (EDGES, torch.zeros(3)):
        with pytest.raises(ValueError, match="point 2 are not a distribution"):
            scores(logits, edges)


@pytest.mark.parametrize(
    ("predictions", "edges", "sentence"),
    [
        (Normal(torch.zeros(3, 4), torch.ones(3, 4)), torch.ones(2), "use bald or variance"),
        (Independent(Normal(torch.zeros(3, 4, 2), 1.0), 1), torch.ones(2), "use bald or variance"),
        (Categorical(logits=torch.zeros(3, 5, 2)), torch.ones(2), "must be even, but there are 5"),
        (Categorical(logits=torch.zeros(3, 4, 2)), torch.ones(4), "2 edges were expected"),
        (Categorical(logits=torch.zeros(3, 4, 2)), -torch.ones(2), "at least 0"),
        (Categorical(logits=torch.zeros(3, 2)), torch.ones(1), "need the axes"),
    ],
)
def test_what_it_cannot_score_gets_a_sentence(predictions, edges: Tensor, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        balance(predictions, edges)


def test_scores_carry_no_gradient() -> None:
    assert not scores(draw(8).requires_grad_(), EDGES).requires_grad
