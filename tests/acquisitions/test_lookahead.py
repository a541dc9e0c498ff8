"""Looking ahead against the card's numbers and kernel regression fitted anew for every candidate, in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bayesal.acquisitions import LookAhead, exact_look_ahead, sequential_look_ahead
from bayesal.acquisitions import lookahead as module

seeds = st.integers(0, 2**32 - 1)
LABELLED = np.array([[0, 0], [1, 0], [0, 1]], dtype=float)
POINTS = np.array([[0.5, 0.5], [1.5, -0.2], [-1, 0.3], [0.9, 1.1]])
Y = np.array([[1, 0], [0, 1], [0, 1]], dtype=float)
F_LABELLED = np.array([[0.8, 0.1], [0.2, 0.7], [0.1, 0.9]])
F_POINTS = np.array([[0.45, 0.6], [0.1, 0.8], [0.7, 0.2], [0.3, 0.65]])


class Problem:
    """Labelled points, candidates, their outputs, and kernel regression from those outputs by a plain inverse."""

    def __init__(self, seed: int | None = None, known: int = 5, count: int = 8, classes: int = 3) -> None:
        if seed is None:
            self.known, self.points, self.labels = LABELLED, POINTS, Y
            self.f_known, self.f_points = F_LABELLED, F_POINTS
            return
        generator = np.random.default_rng(seed)
        self.known, self.points = generator.normal(size=(known, 3)), generator.normal(size=(count, 3))
        self.labels = np.eye(classes)[generator.integers(classes, size=known)]
        self.f_known, self.f_points = (generator.normal(0.3, 0.4, size=(n, classes)) for n in (known, count))

    @staticmethod
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (1 + a @ b.T) ** 2 + np.exp(-((a[:, None] - b) ** 2).sum(2))

    def state(self, regularisation: float = 1e-3, own: float | None = None) -> LookAhead:
        blocks = [self.kernel(self.known, self.known), self.kernel(self.known, self.points)]
        blocks += [self.kernel(self.points, self.points), self.f_known, self.labels, self.f_points]
        return LookAhead.of(*map(torch.from_numpy, blocks), regularisation=regularisation, own=own)

    def retrained(self, also: list[tuple[int, np.ndarray]], regularisation: float, own: float) -> np.ndarray:
        places = np.concatenate([self.known, self.points[[j for j, _ in also]]])
        labels = np.concatenate([self.labels, *(label[None] for _, label in also)])
        outputs = np.concatenate([self.f_known, self.f_points[[j for j, _ in also]]])
        ridge = np.diag([regularisation] * len(self.known) + [own] * len(also))
        inverse = np.linalg.inv(self.kernel(places, places) + ridge)
        return self.f_points + self.kernel(self.points, places) @ inverse @ (labels - outputs)

    def guess(self, j: int) -> np.ndarray:
        return np.eye(self.f_points.shape[1])[self.f_points[j].argmax()]

    def change(self, j: int, label: np.ndarray, regularisation: float, own: float) -> float:
        return float(np.linalg.norm(self.retrained([(j, label)], regularisation, own) - self.f_points, axis=1).sum())


class Card(Problem):
    @staticmethod
    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (1 + a @ b.T) ** 2


def test_the_worked_numbers():
    state = Card().state(1e-3, own=0.0)
    near = {"rtol": 1e-5, "atol": 1e-5}
    lin = [[0.358358, 0.749967], [-0.363506, 1.37559], [0.963835, 0.0130261], [-0.188335, 1.12484]]
    np.testing.assert_allclose(state.retrained, lin, **near)
    np.testing.assert_allclose(state.covariance.diagonal(), [0.208708, 0.596871, 2.87745, 1.97673], **near)
    after = [[0, 1], [0.176372, 0.998903], [1.73339, -0.52391], [-1.03369, 1.71466]]
    np.testing.assert_allclose(state.retrained_with(0, state.guesses[0]), after, **near)
    np.testing.assert_allclose(state.scores(), [3.78339, 3.21745, 1.95704, 1.63468], rtol=2e-6)


@given(seed=seeds, own=st.sampled_from([0.0, 1e-2]))
def test_all_candidates_at_once_are_each_retrained_by_itself(seed: int, own: float):
    problem = Problem(seed)
    state = problem.state(1e-2, own)
    expected = [problem.change(j, problem.guess(j), 1e-2, own) for j in range(8)]
    np.testing.assert_allclose(state.scores(), expected, rtol=1e-8)
    for j in range(8):
        after = state.retrained_with(j, torch.from_numpy(problem.guess(j)))
        np.testing.assert_allclose(after, problem.retrained([(j, problem.guess(j))], 1e-2, own), rtol=1e-7, atol=1e-8)


@given(seed=seeds)
def test_expected_scores_weigh_every_label_by_the_clipped_outputs(seed: int):
    problem = Problem(seed)
    weights = np.maximum(problem.f_points, 0)
    total = weights.sum(1, keepdims=True)
    weights = np.where(total > 0, weights / np.where(total > 0, total, 1), 1 / 3)
    expected = [sum(weights[j, c] * problem.change(j, np.eye(3)[c], 1e-2, 1e-2) for c in range(3)) for j in range(8)]
    np.testing.assert_allclose(problem.state(1e-2).scores("expected"), expected, rtol=1e-8)


@given(seed=seeds, labels=st.sampled_from(["likely", "expected"]))
def test_agreement_counts_the_points_whose_guess_changes(seed: int, labels: str):
    problem = Problem(seed)
    problem.f_points = np.abs(problem.f_points)
    before = problem.f_points.argmax(1)

    def changed(j: int, label: np.ndarray) -> int:
        return int((problem.retrained([(j, label)], 1e-2, 1e-2).argmax(1) != before).sum())

    weights = problem.f_points / problem.f_points.sum(1, keepdims=True)
    expected = [
        changed(j, problem.guess(j)) if labels == "likely" else weights[j] @ [changed(j, e) for e in np.eye(3)]
        for j in range(8)
    ]
    np.testing.assert_allclose(problem.state(1e-2).scores(labels, "agreement"), expected, rtol=1e-9)


@given(seed=seeds)
def test_a_candidate_gets_the_label_it_was_retrained_with(seed: int):
    state = Problem(seed).state(1e-3, own=0.0)
    label = torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    for j in range(8):
        torch.testing.assert_close(state.retrained_with(j, label)[j], label)


def test_a_candidate_that_is_labelled_already_scores_nothing():
    problem = Problem(0)
    problem.points[2], problem.f_points[2] = problem.known[1], problem.f_known[1]
    assert float(problem.state(0.0).scores()[2]) == 0  # and never divides by what is left
    problem.f_known = problem.labels  # interpolated, so retraining on what is known changes nothing
    problem.f_points[2] = problem.labels[1]
    scores = [float(problem.state(ridge).scores()[2]) for ridge in (1e-1, 1e-3, 1e-5)]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 1e-3


def test_a_label_that_is_expected_anyway_changes_nothing():
    problem = Problem(1)
    problem.f_known = problem.labels
    problem.f_points[3] = [0, 1, 0]
    assert float(problem.state(1e-3).scores()[3]) == pytest.approx(0, abs=1e-12)


@given(seed=seeds)
def test_of_a_linear_model_it_is_the_least_change_of_weights_that_fits(seed: int):
    generator = np.random.default_rng(seed)
    known, points = generator.normal(size=(3, 9)), generator.normal(size=(4, 9))
    weights = generator.normal(size=(9, 2))
    labels = np.eye(2)[generator.integers(2, size=3)]
    blocks = [known @ known.T, known @ points.T, points @ points.T, known @ weights, labels, points @ weights]
    state = LookAhead.of(*map(torch.from_numpy, blocks))
    label = np.array([1.0, 0.0])
    places, wanted = np.concatenate([known, points[1:2]]), np.concatenate([labels, label[None]])
    moved = weights + np.linalg.pinv(places) @ (wanted - places @ weights)
    np.testing.assert_allclose(state.retrained_with(1, torch.from_numpy(label)), points @ moved, atol=1e-7)


@given(seed=seeds)
def test_the_order_of_what_is_labelled_does_not_matter_and_that_of_candidates_is_kept(seed: int):
    problem, shuffled = Problem(seed), Problem(seed)
    order, other = np.random.default_rng(seed).permutation(5), np.random.default_rng(seed + 1).permutation(8)
    shuffled.known, shuffled.labels = problem.known[order], problem.labels[order]
    shuffled.f_known = problem.f_known[order]
    shuffled.points, shuffled.f_points = problem.points[other], problem.f_points[other]
    np.testing.assert_allclose(shuffled.state().scores(), problem.state().scores()[other], rtol=1e-6)


@settings(max_examples=20)
@given(seed=seeds)
def test_sequential_picks_are_those_of_refitting_after_every_label(seed: int):
    problem = Problem(seed, known=6, count=12)
    truth = np.eye(3)[np.random.default_rng(seed + 1).integers(3, size=12)]
    positions, scores, last = sequential_look_ahead(problem.state(1e-2), 5, lambda j: torch.from_numpy(truth[j]))
    told: list[tuple[int, np.ndarray]] = []
    before = problem.f_points
    for position, score in zip(positions.tolist(), scores.tolist(), strict=True):
        tried = {}
        for j in set(range(12)) - {place for place, _ in told}:
            guess = np.eye(3)[before[j].argmax()]
            after = problem.retrained([*told, (j, guess)], 1e-2, 1e-2)
            tried[j] = float(np.linalg.norm(after - before, axis=1).sum())
        assert tried[position] == pytest.approx(max(tried.values()), rel=1e-7)
        assert score == pytest.approx(tried[position], rel=1e-7)
        told.append((position, truth[position]))
        before = problem.retrained(told, 1e-2, 1e-2)
    np.testing.assert_allclose(last.retrained, before, atol=1e-7)


def test_without_answers_the_likely_labels_are_believed():
    state = Problem(3).state()
    positions, _, last = sequential_look_ahead(state, 1)
    assert positions.tolist() == [int(state.scores().argmax())]
    expected = state.answered(int(positions[0]), state.guesses[positions[0]])
    torch.testing.assert_close(last.retrained, expected.retrained)
    assert sequential_look_ahead(state, 0)[0].tolist() == []
    assert sorted(sequential_look_ahead(state, 8)[0].tolist()) == list(range(8))


@given(seed=seeds)
def test_the_whole_kernel_of_outputs_without_shared_weights_is_the_one_kernel(seed: int):
    problem = Problem(seed, known=3, count=4)
    identity = np.eye(3)
    blocks = [
        np.einsum("ij,cd->icjd", problem.kernel(a, b), identity)
        for a, b in (
            (problem.known, problem.known),
            (problem.known, problem.points),
            (problem.points, problem.points),
        )
    ]
    given_ = [*blocks, problem.f_known, problem.labels, problem.f_points]
    scores = exact_look_ahead(*map(torch.from_numpy, given_), regularisation=1e-2)
    torch.testing.assert_close(scores, problem.state(1e-2).scores())


@given(seed=seeds)
def test_the_whole_kernel_is_regression_on_all_outputs(seed: int):
    problem = Problem(seed, known=3, count=4)
    jacobians = np.random.default_rng(seed).normal(size=(7, 3, 40))  # of shared weights
    kernel = np.einsum("icp,jdp->icjd", jacobians, jacobians)
    blocks = [
        kernel[:3, :, :3],
        kernel[:3, :, 3:],
        kernel[3:, :, 3:],
        problem.f_known,
        problem.labels,
        problem.f_points,
    ]
    scores = exact_look_ahead(*map(torch.from_numpy, blocks), regularisation=1e-3)
    flat = jacobians.reshape(21, 40)
    for j in range(4):
        rows = [*range(9), *range(9 + 3 * j, 12 + 3 * j)]
        wanted = np.concatenate([problem.labels - problem.f_known, (problem.guess(j) - problem.f_points[j])[None]])
        inverse = np.linalg.inv(flat[rows] @ flat[rows].T + 1e-3 * np.eye(12))
        change = (flat[9:] @ flat[rows].T @ inverse @ wanted.flatten()).reshape(4, 3)
        assert float(scores[j]) == pytest.approx(np.linalg.norm(change, axis=1).sum(), rel=1e-7)


def test_nothing_labelled_and_no_candidates():
    problem = Problem(0)
    none = torch.empty(0, 3, dtype=torch.float64)
    kernel = torch.from_numpy(problem.kernel(problem.points, problem.points))
    outputs = torch.from_numpy(problem.f_points)
    state = LookAhead.of(kernel[:0, :0], kernel[:0], kernel, none, none, outputs)
    expected = [
        float((kernel[:, j, None] / kernel[j, j] * (state.guesses[j] - outputs[j])).norm(dim=1).sum()) for j in range(8)
    ]
    assert state.scores().tolist() == pytest.approx(expected)
    empty = LookAhead.of(kernel[:2, :2], kernel[:2, :0], kernel[:0, :0], outputs[:2], outputs[:2], none)
    assert empty.scores().tolist() == empty.scores("expected", "agreement").tolist() == []


def test_identical_candidates_have_identical_scores_and_the_lowest_is_picked():
    problem = Problem(0)
    problem.points[:], problem.f_points[:] = problem.points[0], problem.f_points[0]
    scores = problem.state().scores()
    assert scores.tolist() == pytest.approx([float(scores[0])] * 8)
    assert sequential_look_ahead(problem.state(), 1)[0].tolist() == [int(scores.argmax())]


@pytest.mark.parametrize("objective", ["change", "agreement"])
def test_blocks_of_any_size_are_the_same(objective: str, monkeypatch: pytest.MonkeyPatch):
    state = Problem(5).state()
    whole = {labels: state.scores(labels, objective) for labels in ("likely", "expected")}
    for elements in (1, 30, 100):
        monkeypatch.setattr(module, "ELEMENTS", elements)
        for labels, scores in whole.items():
            torch.testing.assert_close(state.scores(labels, objective), scores)


def test_float32_is_computed_in_float64():
    problem = Problem(2)
    blocks = [
        torch.from_numpy(block).float()
        for block in (
            problem.kernel(problem.known, problem.known),
            problem.kernel(problem.known, problem.points),
            problem.kernel(problem.points, problem.points),
            problem.f_known,
            problem.labels,
            problem.f_points,
        )
    ]
    narrow = LookAhead.of(*blocks, regularisation=1e-2)
    assert narrow.covariance.dtype == torch.float64
    torch.testing.assert_close(
        narrow.scores(), LookAhead.of(*(block.double() for block in blocks), regularisation=1e-2).scores()
    )


def test_what_does_not_fit_together_gets_a_sentence():
    eye, outputs = torch.eye(3), torch.ones(3, 2)
    good = (eye, eye, eye, outputs, outputs, outputs)

    def without(place: int, block: Tensor) -> list[Tensor]:
        return [block if n == place else other for n, other in enumerate(good)]

    for place, name in enumerate(("labelled_kernel", "cross_kernel", "kernel", "labelled_outputs", "labels")):
        with pytest.raises(ValueError, match=f"{name} must have the shape"):
            LookAhead.of(*without(place, torch.ones(3, 5)))
        with pytest.raises(ValueError, match=f"{name} must be finite numbers"):
            LookAhead.of(*without(place, torch.nan * good[place]))
    with pytest.raises(ValueError, match="must have the shape"):
        LookAhead.of(eye, eye, eye, torch.ones(3), torch.ones(3), torch.ones(3))
    with pytest.raises(ValueError, match="a regularisation must be a number of at least 0, but it is -1"):
        LookAhead.of(*good, regularisation=-1)
    with pytest.raises(ValueError, match="kernel of the 3 labelled points is not positive definite"):
        LookAhead.of(*without(0, torch.ones(3, 3)))
    state = LookAhead.of(*good)
    with pytest.raises(ValueError, match="labels must be one of likely, expected, but it is 'true'"):
        state.scores("true")
    with pytest.raises(ValueError, match="objective must be one of change, agreement"):
        state.scores("likely", "loss")
    with pytest.raises(ValueError, match="a batch of 4 was asked for, but there are 3 points"):
        sequential_look_ahead(state, 4)
