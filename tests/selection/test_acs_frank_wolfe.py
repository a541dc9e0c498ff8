"""ACS-FW against the card's steps, and a Frank-Wolfe in plain numpy over the whole Gram matrix."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import ACSFrankWolfe
from bayesal.testing import check_rule

seeds = st.integers(0, 2**32 - 1)
X = torch.tensor([[1, 0], [0.8, 0.6], [0, 1], [2, -1], [-1, 1]], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.5, 0.1], [0.1, 0.3]], dtype=torch.float64)
CARD = Kronecker(X / 0.25, X @ torch.linalg.cholesky(COVARIANCE))


def by_gram(gram: np.ndarray, steps: int, exclude: bool) -> tuple[list[tuple[int, float, float]], np.ndarray]:
    """(row, γ, ‖residual‖) of each step, and the weights, from inner products alone."""
    lengths = np.sqrt(gram.diagonal())
    radius, weights, path = lengths.sum(), np.zeros(len(gram)), []
    for _ in range(steps):
        apart = gram @ (1 - weights)
        scores = np.where(lengths > 0, apart / np.where(lengths > 0, lengths, 1), -np.inf)
        if exclude:
            scores[[row for row, *_ in path]] = -np.inf
        row = int(scores.argmax())
        direction = -weights
        direction[row] += radius / lengths[row]
        size = float(direction @ gram @ (1 - weights) / (direction @ gram @ direction))
        size = min(1.0, max(0.0, size))
        weights = weights + size * direction
        path.append((row, size, float(np.sqrt(max((1 - weights) @ gram @ (1 - weights), 0)))))
    return path, weights


def random_rows(seed: int, count: int = 8, size: int = 5) -> Tensor:
    return torch.randn(count, size, generator=Generator().manual_seed(seed), dtype=torch.float64) + 0.3


@pytest.mark.parametrize("fill", ["continue", "exclude"])
@pytest.mark.parametrize("dense", [False, True])
def test_the_worked_steps(fill: str, dense: bool):
    rows = CARD.dense() if dense else CARD
    batch = ACSFrankWolfe(fill).solve(rows, 4)
    assert batch.steps == (3, 2, 1, 0)
    assert batch.step_sizes == pytest.approx((0.793669, 0.115365, 0.0712201, 0.0955065), rel=1e-5)
    assert batch.residuals == pytest.approx((20.1879, 5.05638, 3.6292, 3.1726, 2.89548), rel=1e-5)
    assert batch.positions.tolist() == [3, 2, 1, 0]
    assert batch.weights.tolist() == pytest.approx([1.1781, 1.08932, 0.547856, 0.831518], rel=1e-5)
    assert batch.num_filled == 0
    assert float(batch.gains.sum()) == pytest.approx(20.1879 - 2.89548, rel=1e-5)


@pytest.mark.parametrize("exclude", [False, True])
@given(seed=seeds)
def test_steps_and_weights_are_those_over_the_gram_matrix(seed: int, exclude: bool):
    rows = random_rows(seed)
    batch = ACSFrankWolfe("exclude" if exclude else "continue").solve(rows, 5)
    path, weights = by_gram((rows @ rows.T).numpy(), len(batch.steps), exclude)
    assert batch.steps == tuple(row for row, *_ in path)
    assert batch.step_sizes == pytest.approx([size for _, size, _ in path], rel=1e-7, abs=1e-9)
    assert batch.residuals[1:] == pytest.approx([left for *_, left in path], rel=1e-6, abs=1e-7)
    np.testing.assert_allclose(batch.weights, weights[batch.positions], rtol=1e-6, atol=1e-9)
    assert np.delete(weights, batch.positions).sum() == 0


@pytest.mark.parametrize("fill", ["continue", "exclude"])
@given(seed=seeds, size=st.integers(1, 8))
def test_weighted_lengths_add_up_and_the_residual_never_grows(seed: int, size: int, fill: str):
    rows = random_rows(seed)
    batch = ACSFrankWolfe(fill).solve(rows, size)
    lengths = rows.norm(dim=1)
    left = np.prod([1 - step for step in batch.step_sizes])
    expected = float(lengths.sum()) * (1 - left)
    assert float(batch.weights @ lengths[batch.positions]) == pytest.approx(expected, rel=1e-9)
    assert (np.diff(batch.residuals) <= 1e-9).all()
    apart = rows.sum(0) - batch.weights @ rows[batch.positions]
    assert batch.residuals[-1] == pytest.approx(float(apart.norm()), rel=1e-6, abs=1e-9)


def returning() -> Tensor:
    """Two long rows span what four short ones add up to, so steps go back and forth between them."""
    return torch.tensor([[3.0, 0.1], [0.1, 3.0], [0.2, 0.1], [0.1, 0.2], [0.15, 0.1]], dtype=torch.float64)


def test_stepping_on_may_come_back_and_excluding_never_does():
    on, never = (ACSFrankWolfe(fill).solve(returning(), 4) for fill in ("continue", "exclude"))
    assert len(on.steps) > len(set(on.steps))
    assert len(never.steps) == len(set(never.steps))
    for batch in (on, never):
        assert len(set(batch.positions.tolist())) == 4
        assert batch.positions.tolist()[: 4 - batch.num_filled] == list(dict.fromkeys(batch.steps))


def test_at_most_ten_steps_a_point_and_then_the_highest_scores():
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1e-3, 0.0], [0.0, -1e-3], [-1e-3, -1e-3]], dtype=torch.float64)
    batch = ACSFrankWolfe("continue").solve(rows, 5)
    assert len(batch.steps) <= 50
    assert batch.num_filled == 3
    assert sorted(batch.positions.tolist()) == [0, 1, 2, 3, 4]
    assert batch.weights[2:].tolist() == batch.gains[2:].tolist() == [0, 0, 0]


def test_rows_of_length_zero_come_last():
    rows = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [0.5, 0.5]])
    for fill in ("continue", "exclude"):
        assert ACSFrankWolfe(fill)(rows, 4).tolist()[2:] == [0, 2]
        assert ACSFrankWolfe(fill)(torch.zeros(3, 2), 2).tolist() == [0, 1]
    assert ACSFrankWolfe().scores(torch.zeros(3, 2)).tolist() == [0, 0, 0]


def test_one_row_and_rows_that_are_all_the_same_are_reached_in_one_step():
    assert ACSFrankWolfe().solve(torch.ones(1, 3), 1).residuals[-1] == pytest.approx(0, abs=1e-12)
    batch = ACSFrankWolfe().solve(torch.ones(5, 3), 3)
    assert batch.positions.tolist() == [0, 1, 2]
    assert batch.weights.tolist() == pytest.approx([5, 0, 0])
    assert batch.num_filled == 2


def test_an_empty_pool_gives_an_empty_batch():
    assert ACSFrankWolfe()(torch.empty(0, 3), 0).tolist() == []


@settings(max_examples=20)
@given(seed=seeds)
def test_float32_chooses_what_its_numbers_say_in_float64(seed: int):
    rows = random_rows(seed, 60, 12).float()
    for fill in ("continue", "exclude"):
        narrow, wide = ACSFrankWolfe(fill).solve(rows, 20), ACSFrankWolfe(fill).solve(rows.double(), 20)
        assert narrow.steps == wide.steps
        assert narrow.residuals == pytest.approx(wide.residuals, rel=1e-9)


def test_scores_are_the_first_step_s():
    path, _ = by_gram((CARD.dense() @ CARD.dense().T).numpy(), 1, False)
    scores = ACSFrankWolfe().scores(CARD)
    assert int(scores.argmax()) == path[0][0]
    expected = (CARD.dense() @ CARD.dense().sum(0)) / CARD.dense().norm(dim=1)
    torch.testing.assert_close(scores, expected)


@pytest.mark.parametrize("fill", ["continue", "exclude"])
def test_the_laws_of_rules(fill: str):
    assert all(finding.passed for finding in check_rule(ACSFrankWolfe(fill), random_rows(0, 20)))


def test_what_cannot_be_stepped_to_gets_a_sentence():
    with pytest.raises(ValueError, match="there is no fill 'random'; there are continue and exclude"):
        ACSFrankWolfe("random")
    with pytest.raises(ValueError, match=r"signatures are floats of shape \(N, m\)"):
        ACSFrankWolfe()(torch.ones(4), 2)
    with pytest.raises(ValueError, match="signatures must be finite numbers, but row 2"):
        ACSFrankWolfe()(torch.ones(4, 2).index_fill(0, torch.tensor([2]), torch.inf), 2)
