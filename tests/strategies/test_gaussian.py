"""Batches of closed forms: one column a pick, ids out, and functions where there are no moments."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical

from bayesal.data.pool import Pool
from bayesal.selection import BatchALC, BatchEPIG, JointBALD, grow, top
from bayesal.strategies import Either, GrowMoments, GrowSamples, Pick
from bayesal.strategies.gaussian import of_target_labels, of_target_variance, of_the_function
from bayesal.types import Selection
from bayesal.views import Given, MomentScore, SampleScore, moments
from tests.numerics.oracles_gaussian import DrawingGP, ExactGP, toy_process

POINTS = np.random.default_rng(0).normal(size=(30, 2))
TARGETS = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2)))
WEIGHTS = torch.tensor([2.0, 0.5, 0.5], dtype=torch.float64)
NAMES = [f"point {n}" for n in range(30)]
OBJECTIVES = {"bald": of_the_function, "alc": of_target_variance, "epig": of_target_labels}


def pool(chunk_size: int = 7) -> Pool:
    """Some points labelled, so that places are not rows of the table."""
    labels = {"point 0": 0.1, "point 7": 0.2}
    return Pool.of(torch.from_numpy(POINTS), ids=NAMES, labels=labels, chunk_size=chunk_size, progress=False)


def targets_of(name: str) -> Given | None:
    return None if name == "bald" else Given(TARGETS, WEIGHTS)


def on_the_whole_matrix(name: str, process: ExactGP, batch_size: int) -> tuple[list[str], Selection]:
    open_ = [n for n in range(30) if n not in (0, 7)]
    everything = np.concatenate([POINTS[open_], TARGETS.numpy()])
    rows = torch.linalg.cholesky(torch.from_numpy(process.posterior(everything, everything)) + 1e-12 * torch.eye(31))
    rule = {
        "bald": lambda: JointBALD(process.noise),
        "alc": lambda: BatchALC(rows[28:], process.noise, WEIGHTS),
        "epig": lambda: BatchEPIG(rows[28:], process.noise, None, WEIGHTS),
    }[name]()
    grown = grow(rule, rows[:28], batch_size, generator=Generator())
    return [NAMES[open_[n]] for n in grown.positions.tolist()], grown


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("chunk_size", [1, 7, 100])
def test_columns_of_the_belief_choose_what_its_whole_matrix_chooses(name: str, chunk_size: int, generator: Generator):
    process = toy_process(0)
    strategy = GrowMoments(OBJECTIVES[name], targets_of(name))
    selection = strategy(process, pool(chunk_size), 6, generator=generator)
    ids, grown = on_the_whole_matrix(name, process, 6)
    assert list(selection.ids) == ids
    torch.testing.assert_close(selection.gains, grown.gains, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(selection.scores, grown.scores, rtol=1e-6, atol=1e-9)


def test_the_whole_matrix_is_never_asked_for(generator: Generator):
    process = toy_process(0)
    GrowMoments(of_the_function)(process, pool(), 5, generator=generator)
    assert all(rows * columns <= 7 * 7 for rows, columns in process.columns)  # a chunk's block, for its variances
    beside = sum(rows * columns for rows, columns in process.columns if columns == 1)
    assert beside <= 4 * (28 + 4)


@pytest.mark.parametrize("batch_size", [0, 28])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_and_everything_can_be_asked_for(name: str, batch_size: int, generator: Generator):
    process = toy_process(0)
    drawing = DrawingGP(process, np.concatenate([POINTS, TARGETS.numpy()]), 0.3)
    for strategy, belief in (
        (GrowMoments(OBJECTIVES[name], targets_of(name)), process),
        (GrowSamples(OBJECTIVES[name], targets_of(name), 50), drawing),
    ):
        selection = strategy(belief, pool(), batch_size, generator=generator)
        assert len(set(selection.ids)) == batch_size
        assert selection.gains.isfinite().all()
        assert selection.notes == ()
        with pytest.raises(ValueError, match="a batch of 29 was asked for, but only 28"):
            strategy(belief, pool(), 29, generator=generator)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_many_functions_choose_what_the_moments_choose(name: str, generator: Generator):
    process = toy_process(0)
    drawing = DrawingGP(process, np.concatenate([POINTS, TARGETS.numpy()]), process.noise**0.5)
    strategy = GrowSamples(OBJECTIVES[name], targets_of(name), num_hypotheses=50_000)
    selection = strategy(drawing, pool(), 3, generator=generator)
    ids, grown = on_the_whole_matrix(name, process, 3)
    assert list(selection.ids) == ids
    torch.testing.assert_close(selection.gains, grown.gains, rtol=0.05, atol=1e-3)


def test_functions_may_be_noisy_where_they_like(generator: Generator):
    """The joint information of labels whose noise differs from point to point, by a determinant."""
    process = toy_process(0)
    sd = np.random.default_rng(2).uniform(0.1, 2, size=30)
    selection = GrowSamples(of_the_function, num_hypotheses=50_000)(
        DrawingGP(process, POINTS, sd), pool(), 4, generator=generator
    )
    chosen = [NAMES.index(str(name)) for name in selection.ids]
    matrix = process.posterior(POINTS[chosen], POINTS[chosen])
    expected = 0.5 * np.linalg.slogdet(np.eye(4) + matrix / sd[chosen, None] ** 2)[1]
    assert float(selection.gains.sum()) == pytest.approx(expected, rel=0.02)
    given = GrowSamples(of_the_function, num_hypotheses=50_000, noise=process.noise)
    chosen = given(DrawingGP(process, POINTS, sd), pool(), 4, generator=generator)
    assert list(chosen.ids) == on_the_whole_matrix("bald", process, 4)[0]


def test_more_picks_than_functions_can_tell_apart_are_noted(generator: Generator):
    drawing = DrawingGP(toy_process(0), POINTS, 0.3)
    assert GrowSamples(of_the_function, num_hypotheses=5)(drawing, pool(), 4, generator=generator).notes == ()
    notes = GrowSamples(of_the_function, num_hypotheses=5)(drawing, pool(), 5, generator=generator).notes
    assert notes == (
        "5 functions span only 4 directions, fewer than the batch of 5, so the last picks only measure again: draw "
        "more hypotheses or choose a smaller batch",
    )


class Both(ExactGP):
    """Moments, noise and functions."""

    def draw(self, num_hypotheses: int, *, generator: Generator):
        return DrawingGP(self, POINTS, self.noise**0.5).draw(num_hypotheses, generator=generator)


class Latent:
    """Moments of something behind labels that are not Gaussian: no noise, but functions to draw."""

    def __init__(self, process: ExactGP) -> None:
        self.mean, self.covariance = process.mean, process.covariance
        self.draw = DrawingGP(process, POINTS, 0.3).draw


class Said:
    """A strategy that says it was asked."""

    def __init__(self, word: str) -> None:
        self.word = word

    def __call__(self, belief, pool: Pool, batch_size: int, /, *, generator: Generator) -> Selection:
        nothing = torch.empty(0)
        return Selection([], nothing, nothing, nothing.long(), (self.word,))


def test_closed_forms_are_used_where_labels_are_gaussian(generator: Generator):
    process = toy_process(0)
    both = Both(process.inputs, process.labels, process.noise)
    drawing = DrawingGP(process, POINTS, 0.3)
    plain = Either(Said("closed"), Said("sampled"))
    with_noise = Either(Said("closed"), Said("sampled"), noise=0.1)
    asked = {
        "moments and noise": (plain, process, "closed"),
        "and functions": (plain, both, "closed"),
        "functions alone": (plain, drawing, "sampled"),
        "moments behind the labels": (plain, Latent(process), "sampled"),
        "moments, noise given": (with_noise, Latent(process), "closed"),
        "functions, noise given": (with_noise, drawing, "sampled"),
    }
    said = {case: e(belief, pool(), 0, generator=generator).notes for case, (e, belief, _) in asked.items()}
    assert said == {case: (word,) for case, (_, _, word) in asked.items()}
    with pytest.raises(ValueError, match="but object has neither"):
        plain(object(), pool(), 1, generator=generator)


class Classes:
    def draw(self, num_hypotheses: int, *, generator: Generator):
        return lambda inputs: Categorical(logits=torch.zeros(len(inputs), num_hypotheses, 3))


def test_beliefs_about_classes_are_sent_to_what_suits_them(generator: Generator):
    pointwise = Either(
        Pick(MomentScore(moments.alc, Given(TARGETS)), top), Pick(SampleScore(moments.alc, Given(TARGETS)), top)
    )
    jointly = Either(GrowMoments(of_the_function), GrowSamples(of_the_function))
    for strategy in (pointwise, jointly):
        with pytest.raises(ValueError, match=r"predicts Categorical .*use epig, bald or batchbald"):
            strategy(Classes(), pool(), 2, generator=generator)


def test_unknown_noise_gets_a_sentence(generator: Generator):
    class Silent:
        def __init__(self, process: ExactGP) -> None:
            self.mean, self.covariance = process.mean, process.covariance

    silent = Silent(toy_process(0))
    with pytest.raises(ValueError, match="how far labels lie from the function is not known"):
        GrowMoments(of_the_function)(silent, pool(), 2, generator=generator)
    chosen = GrowMoments(of_the_function, noise=0.1)(silent, pool(), 4, generator=generator)
    assert list(chosen.ids) == on_the_whole_matrix("bald", toy_process(0), 4)[0]


def test_a_seed_fixes_the_choice_and_the_recipe_is_stable():
    drawing = DrawingGP(toy_process(0), POINTS, 0.3)
    strategy = Either(GrowMoments(of_the_function), GrowSamples(of_the_function, num_hypotheses=20))
    first, second = (strategy(drawing, pool(), 5, generator=Generator().manual_seed(3)) for _ in range(2))
    assert list(first.ids) == list(second.ids)
    assert repr(strategy) == (
        "Either(closed=GrowMoments(objective=of_the_function, targets=None, noise=None), sampled=GrowSamples("
        "objective=of_the_function, targets=None, num_hypotheses=20, noise=None), noise=None)"
    )


def test_the_first_pick_is_the_best_alone(generator: Generator):
    """Greedy growth and picking by score agree on one point."""
    process = toy_process(4)
    for name, score in (("bald", moments.bald), ("alc", moments.alc), ("epig", moments.epig)):
        grown = GrowMoments(OBJECTIVES[name], targets_of(name))(process, pool(), 1, generator=generator)
        picked = Pick(MomentScore(score, targets_of(name)), top)(process, pool(), 1, generator=generator)
        assert list(grown.ids) == list(picked.ids)
        torch.testing.assert_close(grown.scores, picked.scores)


def test_noise_free_targets_are_a_matter_of_the_objective(generator: Generator):
    def of_the_function_at_targets(known, *, target_noise: float) -> BatchEPIG:
        return of_target_labels(known._replace(target_noise=target_noise))

    process, point = toy_process(0), Given(torch.from_numpy(POINTS[[3]]))
    there = GrowMoments(partial(of_the_function_at_targets, target_noise=0.0), point)
    selection = there(process, pool(), 28, generator=generator)
    alone = dict(zip(selection.ids, selection.scores.tolist(), strict=True))
    variance = process.posterior(POINTS[[3]], POINTS[[3]]).item()
    assert alone["point 3"] == pytest.approx(0.5 * np.log1p(variance / process.noise))


class Single(ExactGP):
    """Moments with the rounding errors of single precision, which take variances of known points below 0."""

    def covariance(self, inputs: Tensor, others: Tensor, /) -> Tensor:
        exact = super().covariance(inputs, others).float()
        return exact - 1e-5 * (inputs[:, None] == others[None]).all(2)


def test_moments_in_single_precision_are_enough(generator: Generator):
    process = toy_process(0)
    single = Single(process.inputs, process.labels, process.noise)
    chosen = GrowMoments(of_target_labels, Given(TARGETS, WEIGHTS))(single, pool(), 5, generator=generator)
    ids, grown = on_the_whole_matrix("epig", process, 5)
    assert list(chosen.ids) == ids
    torch.testing.assert_close(chosen.gains, grown.gains, rtol=1e-3, atol=1e-5)
    known = Single(POINTS[10:20], np.zeros(10), 1e-9)
    for name, objective in OBJECTIVES.items():
        gains = GrowMoments(objective, targets_of(name))(known, pool(), 5, generator=generator).gains
        assert gains.isfinite().all()
