"""Greedy Gaussian batches against determinants, a refitted process, and brute force over steps."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.numerics.inner import Inner
from bayesal.selection import BatchALC, BatchEPIG, JointBALD, grow
from bayesal.testing import check_rule
from tests.numerics.oracles_gaussian import covariances, information_between, joint_information, toy_process

seeds = st.integers(0, 2**32 - 1)
CARD = torch.tensor([[1, 0.8, 0.2], [0.8, 1, 0.3], [0.2, 0.3, 1.5]], dtype=torch.float64)
NOISE = 0.1


class Dense:
    """A kernel over places of a whole matrix: 0 ... N-1 are points, then targets."""

    def __init__(self, matrix: np.ndarray | Tensor) -> None:
        self.matrix = torch.as_tensor(matrix, dtype=torch.float64)
        self.asked: list[int] = []

    def variance(self, rows: Tensor, /) -> Tensor:
        return self.matrix.diagonal()[rows]

    def covariance(self, rows: Tensor, points: Tensor, /) -> Tensor:
        self.asked.append(len(rows) * len(points))
        return self.matrix[rows][:, points]


def features(covariance: np.ndarray | Tensor) -> Tensor:
    return torch.linalg.cholesky(torch.as_tensor(covariance, dtype=torch.float64))


def places(start: int, stop: int) -> Tensor:
    return torch.arange(start, stop)


def gains_after(rule, rows: Tensor, taken: list[int]) -> Tensor:
    state = rule.init(rows, generator=Generator())
    return rule.gains(rule.take(state, rows[taken]) if taken else state)


def variances_left(joint: np.ndarray, taken: list[int], targets: list[int], noise: float) -> np.ndarray:
    known = joint[np.ix_(taken, taken)] + noise * np.eye(len(taken))
    beside = joint[np.ix_(targets, taken)]
    return joint.diagonal()[targets] - (beside * np.linalg.solve(known, beside.T).T).sum(1)


def test_the_worked_numbers():
    selection = grow(JointBALD(NOISE), features(CARD), 3, generator=Generator())
    assert selection.ids == [2, 0, 1]
    assert selection.gains.cumsum(0).tolist() == pytest.approx([1.38629, 2.57375, 3.38136], abs=5e-6)
    assert selection.scores.tolist() == pytest.approx([1.38629, 1.19895, 1.19895], abs=5e-6)
    pairs = {(0, 1): 2.02153, (0, 2): 2.57375, (1, 2): 2.55900}
    for (first, second), total in pairs.items():
        alone = gains_after(JointBALD(NOISE), features(CARD), [])[first]
        assert float(alone + gains_after(JointBALD(NOISE), features(CARD), [first])[second]) == pytest.approx(
            total, abs=5e-6
        )


@given(seed=seeds)
def test_gains_are_differences_of_joint_information_in_any_order(seed: int):
    matrix = covariances(seed, 7)
    order = np.random.default_rng(seed).permutation(7)[:4].tolist()
    for taken in (order[:0], order[:1], order[:3], order[:3][::-1]):
        before = joint_information(matrix, taken, NOISE) if taken else 0.0
        expected = [joint_information(matrix, [*taken, n], NOISE) - before for n in range(7) if n not in taken]
        seen = gains_after(JointBALD(NOISE), features(matrix), taken)
        np.testing.assert_allclose(np.delete(seen.numpy(), taken), expected, rtol=1e-8)


@given(seed=seeds)
def test_gains_of_epig_are_differences_of_information_about_each_target(seed: int):
    matrix, weights = covariances(seed, 9), np.array([0.5, 1.5])
    noise = np.diag([NOISE] * 7 + [0.3, 0.7])
    rule = BatchEPIG(
        places(7, 9), NOISE, torch.tensor([0.3, 0.7], dtype=torch.float64), torch.from_numpy(weights), Dense(matrix)
    )

    def together(points: list[int]) -> float:
        about = [information_between(matrix + noise, points, [t]) for t in (7, 8)] if points else [0.0, 0.0]
        return float(np.mean(weights * about))

    for taken in ([], [4], [4, 1, 2]):
        expected = [together([*taken, n]) - together(taken) for n in range(7) if n not in taken]
        seen = gains_after(rule, places(0, 7), taken)
        np.testing.assert_allclose(np.delete(seen.numpy(), taken), expected, rtol=1e-7, atol=1e-10)


@given(seed=seeds)
def test_gains_of_alc_are_the_drops_of_variance_after_refitting(seed: int):
    process = toy_process(seed)
    points, targets = np.random.default_rng(seed + 1).normal(size=(2, 6, 2))
    everything = np.concatenate([points, targets])
    rule = BatchALC(places(6, 12), process.noise, kernel=Dense(process.posterior(everything, everything)))
    for taken in ([], [2], [2, 5, 0]):
        refitted = process.also_at(points[taken], np.full(len(taken), 3.0))
        before = refitted.posterior(targets, targets).diagonal()
        expected = [
            np.mean(before - refitted.also_at(point[None], np.ones(1)).posterior(targets, targets).diagonal())
            for point in points
        ]
        np.testing.assert_allclose(gains_after(rule, places(0, 6), taken).numpy(), expected, atol=1e-9)


@given(seed=seeds)
def test_alc_adds_up_to_what_the_batch_takes_off_the_targets(seed: int):
    matrix = covariances(seed, 9)
    selection = grow(BatchALC(places(6, 9), NOISE, kernel=Dense(matrix)), places(0, 6), 4, generator=Generator())
    left = variances_left(matrix, selection.ids, [6, 7, 8], NOISE)
    assert float(selection.gains.sum()) == pytest.approx(float(np.mean(matrix.diagonal()[6:] - left)), rel=1e-9)


@given(seed=seeds)
def test_each_greedy_step_is_the_best_by_brute_force(seed: int):
    matrix = covariances(seed, 8)
    chosen = grow(JointBALD(NOISE), features(matrix), 5, generator=Generator()).ids
    for step in range(5):
        totals = {n: joint_information(matrix, [*chosen[:step], n], NOISE) for n in range(8) if n not in chosen[:step]}
        assert totals[chosen[step]] == pytest.approx(max(totals.values()), rel=1e-9)


@given(seed=seeds)
def test_joint_information_grows_and_gains_shrink(seed: int):
    rows = features(covariances(seed, 8))
    gains = [gains_after(JointBALD(NOISE), rows, list(range(t))) for t in range(8)]
    for fewer, more in pairwise(gains):
        assert (more >= 0).all()
        assert (more <= fewer + 1e-12).all()


@given(seed=seeds)
def test_labels_at_targets_tell_at_most_what_the_function_does(seed: int):
    rows = features(covariances(seed, 9))
    for taken in ([], [0], [0, 3]):
        bald = gains_after(JointBALD(NOISE), rows[:6], taken)
        assert (gains_after(BatchEPIG(rows[6:], NOISE, 0.0), rows[:6], taken) >= 0).all()
        alone = gains_after(BatchEPIG(rows[6:7], NOISE, 0.0), rows[:6], taken)
        assert (alone <= bald + 1e-9).all()


@given(seed=seeds)
def test_with_one_target_alc_and_epig_choose_the_same(seed: int):
    rows = features(covariances(seed, 9))
    by_alc = grow(BatchALC(rows[8:], NOISE), rows[:8], 4, generator=Generator())
    by_epig = grow(BatchEPIG(rows[8:], NOISE), rows[:8], 4, generator=Generator())
    assert by_alc.ids == by_epig.ids


@pytest.mark.parametrize("name", ["bald", "alc", "epig"])
@given(seed=seeds)
def test_columns_on_demand_choose_what_features_choose(name: str, seed: int):
    matrix = covariances(seed, 10)
    rows, kernel = features(matrix), Dense(matrix)
    on_features, on_demand = {
        "bald": (JointBALD(NOISE), JointBALD(NOISE, kernel)),
        "alc": (BatchALC(rows[7:], NOISE), BatchALC(places(7, 10), NOISE, kernel=kernel)),
        "epig": (BatchEPIG(rows[7:], NOISE), BatchEPIG(places(7, 10), NOISE, kernel=kernel)),
    }[name]
    dense = grow(on_features, rows[:7], 7, generator=Generator())
    lazy = grow(on_demand, places(0, 7), 7, generator=Generator())
    assert dense.ids == lazy.ids
    torch.testing.assert_close(dense.gains, lazy.gains, rtol=1e-8, atol=1e-10)


def test_one_column_is_asked_for_a_pick():
    kernel = Dense(covariances(0, 50))
    grow(JointBALD(NOISE, kernel), places(0, 50), 10, generator=Generator())
    assert sum(kernel.asked) <= 9 * 50 + 9 * 9


def test_points_from_elsewhere_are_taken_like_rows():
    """Given points need not be among the rows: what they share is known all the same."""
    matrix = covariances(0, 8)
    rows = features(matrix)
    selection = grow(JointBALD(NOISE), rows[:6], 2, given=rows[6:], generator=Generator())
    before = joint_information(matrix, [6, 7], NOISE)
    total = joint_information(matrix, [6, 7, *selection.ids], NOISE)
    assert float(selection.gains.sum()) == pytest.approx(total - before)


def test_noise_of_each_point_is_a_matter_of_scale():
    """Rows divided by their noise's standard deviation, and a noise of 1."""
    matrix, noise = covariances(0, 5), np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    selection = grow(
        JointBALD(1.0), features(matrix) / torch.from_numpy(noise).sqrt()[:, None], 3, generator=Generator()
    )
    some = np.ix_(selection.ids, selection.ids)
    expected = 0.5 * np.linalg.slogdet(np.eye(3) + matrix[some] / noise[selection.ids, None])[1]
    assert float(selection.gains.sum()) == pytest.approx(expected)


@pytest.mark.parametrize("noise", [1e-8, 1e-3, 1.0])
def test_the_same_point_again_tells_less_but_something(noise: float):
    rows = torch.tensor([[1.0, 2.0], [1.0, 2.0]], dtype=torch.float64)
    first, second = grow(JointBALD(noise), rows, 2, generator=Generator()).gains.tolist()
    assert 0 < second < first
    assert first + second == pytest.approx(0.5 * np.log1p(2 * 5 / noise), rel=1e-6)


def test_points_that_are_known_are_worth_nothing_and_break_nothing():
    rows = torch.zeros(4, 3, dtype=torch.float64)
    rows[2, 0] = 1
    for rule in (JointBALD(NOISE), BatchALC(rows[:3], NOISE), BatchEPIG(rows[:3], NOISE, 0.0)):
        selection = grow(rule, rows, 4, generator=Generator())
        assert selection.ids == [2, 0, 1, 3]
        assert selection.gains[1:].tolist() == [0, 0, 0]


@pytest.mark.parametrize("seed", [0, 1])
def test_many_copies_of_few_directions_stay_finite(seed: int):
    rows = torch.from_numpy(np.random.default_rng(seed).normal(size=(4, 2)))[torch.arange(40) % 4]
    for rule in (JointBALD(1e-6), BatchALC(rows[:3], 1e-6), BatchEPIG(rows[:3], 1e-6, 0.0)):
        gains = grow(rule, rows, 40, generator=Generator()).gains
        assert gains.isfinite().all()
        assert (gains >= 0).all()
    matrix = (rows @ rows.T).numpy()
    total = grow(JointBALD(1e-6), rows, 40, generator=Generator()).gains.sum()
    assert float(total) == pytest.approx(joint_information(matrix, list(range(40)), 1e-6), rel=1e-4)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
def test_lower_precision_only_rounds_what_is_given(dtype: torch.dtype, tolerance: float):
    exact = features(covariances(0, 12))
    rounded = exact.to(dtype)
    for make in (
        lambda rows: JointBALD(NOISE),
        lambda rows: BatchALC(rows[9:], NOISE),
        lambda rows: BatchEPIG(rows[9:], NOISE),
    ):
        seen = gains_after(make(rounded), rounded[:9], [1, 4])
        assert seen.dtype == torch.float64
        torch.testing.assert_close(
            seen, gains_after(make(rounded.double()), rounded[:9].double(), [1, 4]), rtol=1e-4, atol=1e-6
        )
        torch.testing.assert_close(seen, gains_after(make(exact), exact[:9], [1, 4]), rtol=tolerance, atol=tolerance)


def test_function_samples_approach_the_exact_choice():
    """Features from K samples; K - 1 directions cannot show more than they span."""
    matrix = covariances(3, 12)
    white = torch.randn(12, 200_000, generator=Generator().manual_seed(0), dtype=torch.float64)
    drawn = features(matrix) @ white
    for num_hypotheses, tolerance in ((2_000, 0.2), (200_000, 0.02)):
        some = drawn[:, :num_hypotheses]
        rows = (some - some.mean(1, keepdim=True)) / (num_hypotheses - 1) ** 0.5
        total = grow(JointBALD(NOISE), rows, 12, generator=Generator()).gains.sum()
        assert float(total) == pytest.approx(joint_information(matrix, list(range(12)), NOISE), abs=tolerance)
    few = drawn[:, :3] - drawn[:, :3].mean(1, keepdim=True)
    gains = grow(JointBALD(1e-9), few, 6, generator=Generator()).gains
    assert (gains[:2] > 5).all()  # two directions are news, the others measurements of the same
    assert (gains[2:] < 1).all()


@pytest.mark.parametrize("name", ["bald", "alc", "epig"])
def test_the_laws_of_greedy_rules(name: str):
    rows = torch.randn(20, 6, generator=Generator().manual_seed(1), dtype=torch.float64)
    targets = torch.randn(5, 6, generator=Generator().manual_seed(2), dtype=torch.float64)
    rule = {"bald": JointBALD(NOISE), "alc": BatchALC(targets, NOISE), "epig": BatchEPIG(targets, NOISE)}[name]
    assert all(finding.passed for finding in check_rule(rule, rows))


@pytest.mark.parametrize("noise", [0.0, -1.0, float("nan")])
def test_noise_must_be_above_zero(noise: float):
    rows = features(CARD)
    for rule in (JointBALD(noise), BatchALC(rows, noise), BatchEPIG(rows, noise)):
        with pytest.raises(ValueError, match="noise is a variance and must be above 0"):
            grow(rule, rows, 1, generator=Generator())


@pytest.mark.parametrize("rows", [torch.zeros(4), torch.zeros(4, 2, 2), torch.zeros(4, 2, dtype=torch.int64)])
def test_rows_that_are_not_features_get_a_sentence(rows: Tensor):
    with pytest.raises(ValueError, match=r"without a kernel rows are features of shape \(N, D\), but these are"):
        grow(JointBALD(NOISE), rows, 1, generator=Generator())
    with pytest.raises(ValueError, match=r"rows are features of shape \(N, D\)"):
        Inner().covariance(rows, rows)


def test_bad_targets_and_weights_get_a_sentence():
    rows = features(CARD)
    for bad, sentence in (
        (rows[:0], "there are no targets"),
        (rows * torch.nan, "the targets' variance must be finite"),
    ):
        with pytest.raises(ValueError, match=sentence):
            grow(BatchALC(bad, NOISE), rows, 1, generator=Generator())
    with pytest.raises(ValueError, match="target weights must be 3 numbers"):
        grow(BatchEPIG(rows, NOISE, weights=-torch.ones(3)), rows, 1, generator=Generator())
    with pytest.raises(ValueError, match="the rows' variance must be finite numbers, but position 1"):
        grow(JointBALD(NOISE), rows.index_fill(0, torch.tensor([1]), torch.inf), 1, generator=Generator())
