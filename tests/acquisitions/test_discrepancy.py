"""Temporal output discrepancy: the card's numbers, plain Python, and every kind of label."""

import math

import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Bernoulli, Categorical, Independent, Normal, Poisson

from bayesal.acquisitions import discrepancy, output_discrepancy
from bayesal.likelihoods import bernoulli, categorical, dense_categorical

NOW = [[2.0, 0.0, -1.0], [0.2, 0.1, 0.0], [0.0, 3.0, 0.0]]
EARLIER = [[1.5, 0.5, -1.0], [-0.5, 1.0, 0.0], [0.0, 2.9, 0.1]]


def moments(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.stack([torch.tensor(EARLIER, dtype=dtype), torch.tensor(NOW, dtype=dtype)], 1)


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(seed), dtype=dtype) * 2


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_cards_numbers(dtype: torch.dtype) -> None:
    predictions = Categorical(logits=moments(dtype))
    assert discrepancy(predictions).tolist() == pytest.approx([0.0217166, 0.0720526, 0.000138431], rel=5e-6)
    assert discrepancy(predictions, "norm").tolist() == pytest.approx([0.208406, 0.379612, 0.0166392], rel=5e-6)
    assert output_discrepancy(moments(dtype)).tolist() == pytest.approx([0.707107, 1.14018, 0.141421], rel=5e-6)
    assert discrepancy(predictions).dtype == dtype


def softmax(row: list[float]) -> list[float]:
    powers = [math.exp(value) for value in row]
    return [power / sum(powers) for power in powers]


def test_maps_are_the_mean_over_places_in_plain_python() -> None:
    outputs = drawn(3, 2, 4, 2, 5)
    expected = []
    for point in outputs.tolist():
        places = []
        for row in range(2):
            for column in range(5):
                one, other = (softmax([point[k][c][row][column] for c in range(4)]) for k in (0, 1))
                places.append(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) / 2)
        expected.append(sum(places) / len(places))
    assert discrepancy(dense_categorical(outputs)).tolist() == pytest.approx(expected, rel=1e-9)
    raw = [
        sum(
            math.sqrt(sum((point[0][c][i][j] - point[1][c][i][j]) ** 2 for c in range(4)))
            for i in range(2)
            for j in range(5)
        )
        / 10
        for point in outputs.tolist()
    ]
    assert output_discrepancy(outputs).tolist() == pytest.approx(raw, rel=1e-9)


def test_amounts_and_several_labels() -> None:
    mean = torch.tensor([[1.0, 3.0], [2.0, 2.0]], dtype=torch.float64)
    assert discrepancy(Normal(mean, torch.tensor([[1.0, 9.0]])), "norm").tolist() == [2.0, 0.0]
    outputs = drawn(4, 2, 3)
    several = Independent(Normal(outputs, 1.0), 1)
    assert discrepancy(several).tolist() == pytest.approx(
        [sum((a - b) ** 2 for a, b in zip(*point, strict=True)) / 2 for point in outputs.tolist()]
    )
    labels = discrepancy(bernoulli(outputs), "norm")
    p = outputs.sigmoid()
    torch.testing.assert_close(labels, (p[:, 1] - p[:, 0]).norm(dim=1))
    one = discrepancy(Bernoulli(logits=outputs[..., 0]), "norm")
    torch.testing.assert_close(one, (p[:, 1] - p[:, 0])[:, 0].abs())


def test_it_is_within_its_bounds_and_blind_to_time_and_constants() -> None:
    logits = drawn(50, 2, 4) * 10
    scores = discrepancy(Categorical(logits=logits))
    assert ((scores >= 0) & (scores <= 1)).all()
    torch.testing.assert_close(discrepancy(Categorical(logits=logits.flip(1))), scores)
    torch.testing.assert_close(discrepancy(Categorical(logits=logits + 7)), scores)
    assert not discrepancy(Categorical(logits=logits[:, :1].expand(-1, 2, -1))).any()
    certain = Categorical(probs=torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]))
    assert discrepancy(certain).tolist() == [1.0]
    assert discrepancy(categorical(torch.zeros(0, 2, 3))).shape == (0,)
    assert discrepancy(dense_categorical(torch.zeros(0, 2, 3, 4, 5))).shape == (0,)


def test_small_moves_of_float32_are_seen() -> None:
    earlier = drawn(20, 1, 5, dtype=torch.float32)
    logits = torch.cat([earlier, earlier + 1e-3 * drawn(20, 1, 5, seed=1, dtype=torch.float32)], 1)
    exact = discrepancy(Categorical(logits=logits.double()))
    torch.testing.assert_close(discrepancy(Categorical(logits=logits)).double(), exact, rtol=1e-2, atol=0)


@pytest.mark.parametrize("count", [1, 3])
def test_any_other_number_of_moments_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"exactly two hypotheses in the order of time, but there are {count}"):
        discrepancy(Categorical(logits=torch.zeros(4, count, 3)))
    with pytest.raises(ValueError, match=r"N 2 C or N 2 C H W, are needed, but their shape is"):
        output_discrepancy(torch.zeros(4, count, 3))


def test_what_has_no_discrepancy_is_refused() -> None:
    with pytest.raises(ValueError, match="kind must be half_square or norm, but it is 'cosine'"):
        discrepancy(Categorical(logits=torch.zeros(4, 2, 3)), "cosine")
    with pytest.raises(ValueError, match="the predictions are Poisson"):
        discrepancy(Poisson(torch.ones(4, 2)))
    with pytest.raises(ValueError, match="point 1 are not a distribution"):
        discrepancy(Normal(torch.tensor([[0.0, 0.0], [0.0, torch.nan]]), 1.0, validate_args=False))
    with pytest.raises(ValueError, match="point 2"):
        output_discrepancy(torch.zeros(4, 2, 3).index_fill(0, torch.tensor([2]), torch.inf))
