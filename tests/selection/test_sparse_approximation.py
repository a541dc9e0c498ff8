"""Sparse approximation against the card's numbers, and brute force over supports and active sets."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator

from bayesal.numerics.kronecker import Kronecker
from bayesal.selection import SparseApproximation
from bayesal.selection.matching_pursuit import matching_pursuit, refitted_pursuit
from bayesal.selection.sparse_problem import SparseBatch, SparseProblem
from bayesal.selection.thresholding import proximal, proximal_iht, squared_norm
from bayesal.testing import check_rule

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=20)
SOLVERS = ("greedy", "refit", "iht")
PHI = np.array([[1, 0.5, -0.2, 0.8, 0], [0, 1, 0.6, -0.4, 0.3], [0.5, 0, 0.9, 0.2, -0.7]]).T
VARIANCES = np.array([0.1, 0.4, 0.2, 0.3, 0.5])
ALPHA, BETA = 0.5, 0.1


def problem_of(
    phi: np.ndarray = PHI, variances: np.ndarray = VARIANCES, alpha: float = ALPHA, beta: float = BETA
) -> SparseProblem:
    return SparseProblem.of(torch.from_numpy(phi), torch.from_numpy(variances), alpha, beta)


def solved(problem: SparseProblem, batch_size: int, solver: str) -> SparseBatch:
    if solver == "iht":
        return proximal_iht(problem, batch_size, generator=Generator().manual_seed(0))
    return {"greedy": matching_pursuit, "refit": refitted_pursuit}[solver](problem, batch_size)


def value(
    phi: np.ndarray, variances: np.ndarray, alpha: float, beta: float, weights: np.ndarray, support=None
) -> float:
    """Problem P, where the rows of a support count as weighted however small their weight."""
    support = weights > 0 if support is None else list(support)
    misfit = ((phi.sum(0) - weights @ phi) ** 2).sum() + beta * ((weights - 1) ** 2).sum()
    return float(misfit - alpha * variances[support].sum())


def best_weights(phi: np.ndarray, beta: float, support) -> np.ndarray:
    """The best weights of at least 0, by trying every set of rows whose weight may be above 0."""
    best, least = np.zeros(len(phi)), np.inf
    for size in range(len(support) + 1):
        for active in map(list, combinations(support, size)):
            weights = np.zeros(len(phi))
            gram = phi[active] @ phi[active].T + beta * np.eye(size)
            weights[active] = np.linalg.lstsq(gram, phi[active] @ phi.sum(0) + beta, rcond=None)[0]
            misfit = value(phi, np.zeros(len(phi)), 0, beta, weights)
            if (weights >= 0).all() and misfit < least - 1e-12:
                best, least = weights, misfit
    return best


def best_support(phi: np.ndarray, variances: np.ndarray, alpha: float, beta: float, size: int) -> tuple[tuple, float]:
    values = {
        support: value(phi, variances, alpha, beta, best_weights(phi, beta, support), support)
        for support in combinations(range(len(phi)), size)
    }
    best = min(values, key=lambda support: values[support])
    return best, values[best]


def random_case(seed: int, rows: int = 6, size: int = 3) -> tuple[np.ndarray, np.ndarray, float, float]:
    generator = np.random.default_rng(seed)
    alpha, beta = generator.uniform(0, 1, size=2)
    return generator.normal(size=(rows, size)), generator.uniform(0, 1, size=rows), float(alpha), float(beta)


def test_the_worked_objectives_of_supports():
    problem = problem_of()
    nothing = torch.empty(0, dtype=torch.int64)
    assert problem.objective(nothing, problem.refitted(nothing)) == pytest.approx(7.97)
    expected = {
        (0, 1): ((1.43243, 1.43243), 0.128108),
        (1, 3): ((1.96296, 1.44681), 0.450489),
        (0, 4): ((2.23004, 1.03017), 1.8428),
        (0, 2): ((1.83118, 0.711606), 1.97823),
    }
    for support, (weights, objective) in expected.items():
        seen = problem.refitted(torch.tensor(support))
        assert seen.tolist() == pytest.approx(weights, rel=1e-5)
        assert problem.objective(torch.tensor(support), seen) == pytest.approx(objective, rel=1e-5)
    assert best_support(PHI, VARIANCES, ALPHA, BETA, 2)[0] == (0, 1)


def test_the_worked_batches():
    frozen = solved(problem_of(), 2, "greedy")
    assert frozen.positions.tolist() == [1, 3]
    assert frozen.weights.tolist() == pytest.approx([1.96296, 1.44681], rel=1e-5)
    assert frozen.gains.tolist() == pytest.approx([5.40185, 2.11766], rel=1e-5)
    assert frozen.objective == pytest.approx(0.450489, rel=1e-5)
    refitted = solved(problem_of(), 2, "refit")
    assert refitted.positions.tolist() == [1, 0]
    assert (7.97 - refitted.gains.cumsum(0)).tolist() == pytest.approx([2.56815, 0.128108], rel=1e-5)
    assert refitted.objective == pytest.approx(0.128108, rel=1e-5)
    descended = solved(problem_of(), 2, "iht")
    assert sorted(descended.positions.tolist()) == [0, 1]
    assert descended.weights.tolist() == pytest.approx([1.43243, 1.43243], rel=1e-5)
    assert descended.objective == pytest.approx(0.128108, rel=1e-5)
    lipschitz = 2 * (squared_norm(problem_of(), generator=Generator().manual_seed(0)) + BETA)
    assert lipschitz == pytest.approx(4.84722, rel=1e-5)


def test_the_worked_proximal_step():
    point = torch.tensor([0.9, 0.5, -0.1, 0.7], dtype=torch.float64)
    positions, weights = proximal(point, torch.tensor([0.05, 0.3, 0.4, 0.0], dtype=torch.float64), 2)
    assert positions.tolist() == [0, 1]
    assert weights.tolist() == [0.9, 0.5]


@given(seed=seeds, size=st.integers(1, 4))
def test_the_proximal_step_is_the_best_by_enumeration(seed: int, size: int):
    generator = np.random.default_rng(seed)
    point, bonus = generator.normal(size=5), generator.uniform(0, 1, size=5)
    positions, weights = proximal(torch.from_numpy(point), torch.from_numpy(bonus), size)

    def cost(support) -> float:
        kept = np.zeros(5)
        kept[list(support)] = np.maximum(point[list(support)], 0)
        return float(0.5 * ((kept - point) ** 2).sum() - bonus[kept > 0].sum())

    assert cost(positions.tolist()) == pytest.approx(min(map(cost, combinations(range(5), size))), abs=1e-9)
    assert (weights > 0).all()
    if (point > 0).sum() < size:
        rest = sorted(np.flatnonzero(point <= 0), key=lambda n: -bonus[n])[: size - int((point > 0).sum())]
        assert set(rest) <= set(positions.tolist())


@given(seed=seeds, size=st.integers(0, 6))
def test_weights_after_refitting_are_the_best_by_active_sets(seed: int, size: int):
    phi, variances, alpha, beta = random_case(seed)
    support = np.random.default_rng(seed).permutation(6)[:size]
    seen = problem_of(phi, variances, alpha, beta).refitted(torch.from_numpy(support))
    np.testing.assert_allclose(seen, best_weights(phi, beta, support.tolist())[support], atol=1e-7)


@pytest.mark.parametrize("solver", SOLVERS)
@few
@given(seed=seeds, size=st.integers(1, 4))
def test_a_batch_is_worth_what_it_says_and_at_most_the_best(seed: int, size: int, solver: str):
    phi, variances, alpha, beta = random_case(seed)
    batch = solved(problem_of(phi, variances, alpha, beta), size, solver)
    weights = np.zeros(6)
    weights[batch.positions] = batch.weights
    assert (batch.weights > 0).all()
    assert batch.objective == pytest.approx(value(phi, variances, alpha, beta, weights), abs=1e-9)
    nothing = value(phi, variances, alpha, beta, np.zeros(6))
    assert float(batch.gains.sum()) == pytest.approx(nothing - batch.objective, abs=1e-6)
    assert batch.objective >= best_support(phi, variances, alpha, beta, size)[1] - 1e-9


@pytest.mark.parametrize("solver", ["greedy", "refit"])
@given(seed=seeds)
def test_one_row_alone_is_the_best_there_is(seed: int, solver: str):
    phi, variances, alpha, beta = random_case(seed)
    phi = np.abs(phi)  # every row then wants a weight
    assert solved(problem_of(phi, variances, alpha, beta), 1, solver).objective == pytest.approx(
        best_support(phi, variances, alpha, beta, 1)[1], abs=1e-9
    )


@given(seed=seeds)
def test_each_frozen_step_is_the_best_by_brute_force(seed: int):
    phi, variances, alpha, beta = random_case(seed)
    batch = solved(problem_of(phi, variances, alpha, beta), 4, "greedy")
    weights = np.zeros(6)
    for position, weight in zip(batch.positions.tolist(), batch.weights.tolist(), strict=True):
        tried = {}
        for n in np.flatnonzero(weights == 0):
            residual = phi.sum(0) - weights @ phi
            own = max((phi[n] @ residual + beta) / (phi[n] @ phi[n] + beta), 0.0)
            tried[int(n)] = value(phi, variances, alpha, beta, np.where(np.arange(6) == n, own, weights))
        before = value(phi, variances, alpha, beta, weights)
        after = value(phi, variances, alpha, beta, np.where(np.arange(6) == position, weight, weights))
        if weight > 1e-9:
            assert after == pytest.approx(min(tried.values()), abs=1e-9)
        else:  # no row wants any weight
            assert min(tried.values()) == pytest.approx(before, abs=1e-9)
        weights[position] = weight


@few
@given(seed=seeds)
def test_each_refitted_step_is_the_best_by_brute_force(seed: int):
    phi, variances, alpha, beta = random_case(seed)
    chosen = solved(problem_of(phi, variances, alpha, beta), 4, "refit").positions.tolist()
    for step in range(4):
        taken = chosen[:step]
        tried = {
            n: value(phi, variances, alpha, beta, best_weights(phi, beta, [*taken, n]))
            for n in set(range(6)) - set(taken)
            if best_weights(phi, beta, [*taken, n])[n] > 1e-9
        }
        if tried:
            assert tried[chosen[step]] == pytest.approx(min(tried.values()), abs=1e-9)


@few
@given(seed=seeds)
def test_thresholding_is_never_worse_than_what_it_starts_from(seed: int):
    problem = problem_of(*random_case(seed, rows=12))
    assert solved(problem, 4, "iht").objective <= solved(problem, 4, "refit").objective + 1e-9


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_whole_pool_leaves_nothing_apart(solver: str):
    phi = np.abs(random_case(0)[0])
    batch = solved(problem_of(phi, VARIANCES[[0, 1, 2, 3, 4, 0]], 0.0, 0.5), 6, solver)
    if solver != "greedy":  # frozen weights cannot come back to 1
        assert batch.objective == pytest.approx(0, abs=1e-9)
        assert batch.weights.tolist() == pytest.approx([1] * 6, abs=1e-4)
    everything, ones = torch.arange(6), torch.ones(6, dtype=torch.float64)
    assert problem_of(phi, VARIANCES[[0, 1, 2, 3, 4, 0]], 0.0, 0.0).objective(everything, ones) == pytest.approx(0)


@few
@given(seed=seeds)
def test_more_weight_on_uncertainty_never_makes_the_best_batch_surer(seed: int):
    phi, variances, _, beta = random_case(seed, rows=5)
    sums = [
        variances[list(best_support(phi, variances, alpha, beta, 2)[0])].sum() for alpha in (0.0, 0.5, 2.0, 10.0, 1e6)
    ]
    assert (np.diff(sums) >= -1e-12).all()


@pytest.mark.parametrize("solver", SOLVERS)
def test_without_signatures_the_largest_variances_are_chosen(solver: str):
    rule = SparseApproximation(beta=0.0, solver=solver)
    rows = torch.zeros(5, 4, dtype=torch.float64)
    rows[:, -1] = torch.tensor([0.1, 0.5, 0.5, 0.9, 0.0])
    assert set(rule(rows, 3, generator=Generator()).tolist()) == {3, 1, 2}
    rows[:, -1] = 0
    assert set(rule(rows, 3, generator=Generator()).tolist()) == {0, 1, 2}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("beta", [0.0, 0.1])
def test_rows_that_are_all_the_same_are_chosen_in_their_order(solver: str, beta: float):
    rows = torch.ones(6, 4, dtype=torch.float64)
    positions = SparseApproximation(beta=beta, solver=solver)(rows, 4, generator=Generator())
    assert sorted(positions.tolist()) == [0, 1, 2, 3]


@pytest.mark.parametrize("solver", SOLVERS)
@few
@given(seed=seeds)
def test_scaling_divides_by_the_mean_length_and_the_mean_variance(seed: int, solver: str):
    phi, variances, _, _ = random_case(seed, rows=8)
    by_hand = phi / np.linalg.norm(phi, axis=1).mean()
    rows = torch.from_numpy(np.column_stack([phi * 7, variances * 30]))
    scaled = torch.from_numpy(np.column_stack([by_hand, variances / variances.mean()]))
    seen = SparseApproximation(solver=solver)(rows, 4, generator=Generator().manual_seed(1))
    expected = SparseApproximation(solver=solver, scaled=False)(scaled, 4, generator=Generator().manual_seed(1))
    assert seen.tolist() == expected.tolist()


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_choose_what_the_rows_written_down_choose(solver: str, dtype: torch.dtype):
    generator = Generator().manual_seed(0)
    left, right = torch.randn(30, 3, generator=generator), torch.randn(30, 5, generator=generator)
    rows = Kronecker(left.to(dtype), right.to(dtype))
    variances = torch.rand(30, generator=generator)
    rule = SparseApproximation(solver=solver)
    seen = rule.solve((rows, variances), 8, generator=Generator().manual_seed(0))
    exact = Kronecker(left.double(), right.double()).dense()
    expected = rule.solve((exact, variances), 8, generator=Generator().manual_seed(0))
    assert seen.positions.tolist() == expected.positions.tolist()
    assert seen.objective == pytest.approx(expected.objective, rel=1e-9 if dtype == torch.float64 else 1e-5)


@few
@given(seed=seeds)
def test_float32_chooses_what_its_numbers_say_in_float64(seed: int):
    rows = torch.randn(40, 9, generator=Generator().manual_seed(seed)).abs()
    for solver in ("greedy", "refit"):
        rule = SparseApproximation(solver=solver)
        assert torch.equal(rule(rows, 10, generator=Generator()), rule(rows.double(), 10, generator=Generator()))


def test_scores_are_what_each_row_alone_takes_off():
    rows = torch.from_numpy(np.column_stack([PHI, VARIANCES]))
    rule = SparseApproximation(ALPHA, BETA, scaled=False)
    scores = rule.scores(rows)
    assert float(scores[1]) == pytest.approx(5.40185, rel=1e-5)
    for n in range(5):
        alone = value(PHI, VARIANCES, ALPHA, BETA, best_weights(PHI, BETA, [n]), [n])
        assert float(scores[n]) == pytest.approx(7.97 - alone, rel=1e-9)


@pytest.mark.parametrize("solver", SOLVERS)
def test_the_laws_of_rules(solver: str):
    rows = torch.randn(20, 7, generator=Generator().manual_seed(1), dtype=torch.float64)
    rows[:, -1] = rows[:, -1].abs()
    assert all(finding.passed for finding in check_rule(SparseApproximation(solver=solver), rows))


@pytest.mark.parametrize("solver", SOLVERS)
def test_an_empty_pool_gives_an_empty_batch(solver: str):
    assert SparseApproximation(solver=solver)(torch.empty(0, 4), 0, generator=Generator()).tolist() == []
    assert SparseApproximation(solver=solver)(torch.ones(1, 4), 1, generator=Generator()).tolist() == [0]


def test_what_cannot_be_solved_gets_a_sentence():
    rows = torch.ones(4, 3)
    for rule in (SparseApproximation(alpha=-1), SparseApproximation(beta=float("nan"))):
        with pytest.raises(ValueError, match="must be a number of at least 0, but it is"):
            rule(rows, 2, generator=Generator())
    with pytest.raises(ValueError, match="there is no solver 'omp'"):
        SparseApproximation(solver="omp")
    with pytest.raises(ValueError, match=r"floats of shape \(N, m \+ 1\), but these rows are"):
        SparseApproximation()(torch.ones(4, 1), 2, generator=Generator())
    with pytest.raises(ValueError, match="variances must be one number of at least 0 for each of the 4 signatures"):
        SparseApproximation()(-rows, 2, generator=Generator())
    with pytest.raises(ValueError, match="variances must be one number of at least 0"):
        SparseApproximation().solve((rows, torch.ones(3)), 2, generator=Generator())


def test_settings_are_the_text_of_the_rule():
    assert str(SparseApproximation()) == "SparseApproximation(alpha=1.0, beta=0.1, solver='refit', scaled=True)"
