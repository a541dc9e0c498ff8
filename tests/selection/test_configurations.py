"""Configurations are sequential Bayes: probabilities, posteriors and informations against plain enumeration."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from bayesal.selection import configurations as module
from bayesal.selection.configurations import Configurations
from tests.oracles import POOL, joint_entropy, joint_information, joint_probabilities

POINTS = torch.tensor(POOL, dtype=torch.float64)
EVERYTHING = 10**6


def after(points: Tensor, most: int = EVERYTHING, seed: int = 0) -> Configurations:
    generator = Generator().manual_seed(seed)
    configurations = Configurations.none_taken(points.shape[1], dtype=points.dtype, device=points.device)
    for point in points:
        configurations = configurations.extended(point, most, generator=generator)
    return configurations


def random_points(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64).mul(2).softmax(-1)


def as_lists(points: Tensor) -> list[list[list[float]]]:
    return points.tolist()


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 3), st.integers(1, 4))
def test_weights_and_posteriors_are_those_of_bayes(seed: int, taken: int, classes: int, hypotheses: int) -> None:
    points = random_points(seed, taken, hypotheses, classes)
    configurations = after(points)
    assert configurations.exact
    assert configurations.weights.tolist() == pytest.approx(joint_probabilities(as_lists(points), range(taken)))
    for labels, posterior in zip(product(range(classes), repeat=taken), configurations.posteriors, strict=True):
        likelihood = [math.prod(float(points[i, k, c]) for i, c in enumerate(labels)) for k in range(hypotheses)]
        assert posterior.tolist() == pytest.approx([each / sum(likelihood) for each in likelihood])


def test_what_remains_and_what_was_learned_add_up_to_ln_k() -> None:
    for taken in ([0], [0, 1], [0, 2], [2, 3], [0, 1, 2], [4], [4, 0], [0] * 8):
        learned = joint_information(POOL, taken)
        assert after(POINTS[taken]).remaining() == pytest.approx(math.log(3) - learned, abs=1e-12)


@pytest.mark.parametrize(
    ("taken", "entropy"), [([0, 1], 2.09242), ([0, 2], 2.19081), ([2, 3], 1.96327), ([0, 1, 2], 3.18636)]
)
def test_joint_entropies_of_the_card(taken: list[int], entropy: float) -> None:
    weights = after(POINTS[taken]).weights
    assert float(torch.special.entr(weights).sum()) == pytest.approx(entropy, abs=6e-6)
    assert float(torch.special.entr(weights).sum()) == pytest.approx(joint_entropy(POOL, taken), abs=1e-12)


def test_impossible_configurations_are_dropped() -> None:
    assert len(after(POINTS[[4, 4, 4]])) == 3  # x4 is certain under every hypothesis
    assert after(POINTS[[4]]).remaining() == 0


def test_information_is_the_chain_rule_of_joint_information() -> None:
    for taken in ([], [0], [4], [0, 2], [3, 3, 1]):
        gains = after(POINTS[taken]).information(POINTS.log())
        expected = [joint_information(POOL, [*taken, n]) - joint_information(POOL, taken) for n in range(5)]
        assert gains.tolist() == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 1000), st.integers(1, 30))
def test_merging_bounds_information_from_above_and_loses_no_weight(seed: int, most: int) -> None:
    points = random_points(seed, 6, 5, 3)
    all_, few = after(points[:4]), after(points[:4]).merged(most)
    assert len(few) <= most
    assert not few.exact
    assert float(few.weights.sum()) == pytest.approx(1)
    assert (few.information(points.log()) >= all_.information(points.log()) - 1e-12).all()
    assert few.remaining() >= all_.remaining() - 1e-12


def test_merging_into_as_many_groups_changes_nothing() -> None:
    configurations = after(POINTS[:2])
    assert configurations.merged(9) is configurations


def test_merging_everything_forgets_everything() -> None:
    forgotten = after(POINTS[:3]).merged(1)
    assert forgotten.posteriors.tolist() == [pytest.approx([1 / 3] * 3)]


def test_a_thinned_enumeration_is_right_on_average() -> None:
    points = random_points(5, 8, 5, 3)
    exact = after(points[:4])
    few = [exact.thinned(20, generator=Generator().manual_seed(seed)) for seed in range(200)]
    assert all(len(each) <= 20 and not each.exact for each in few)
    estimates = torch.stack([each.information(points.log()) for each in few])
    standard_error = estimates.std(0) / len(few) ** 0.5
    assert ((estimates.mean(0) - exact.information(points.log())).abs() < 5 * standard_error).all()


def test_thinning_to_as_many_keeps_all() -> None:
    kept = after(POINTS[:2]).thinned(9, generator=Generator())
    assert kept.exact
    assert torch.equal(kept.posteriors, after(POINTS[:2]).posteriors)
    assert torch.equal(kept.weights, after(POINTS[:2]).weights)


@pytest.mark.parametrize("elements", [1, 3000, 2**30])
def test_information_at_some_rows_is_that_of_the_rows(elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points = random_points(6, 20, 5, 3)
    monkeypatch.setattr(module, "ELEMENTS", elements)
    for positions in (torch.tensor([3, 17, 0]), torch.arange(20), torch.arange(0)):
        seen = after(points[:2]).information_at(points.log(), positions)
        assert seen.tolist() == pytest.approx(
            after(points[:2]).information(points.log())[positions].tolist(), abs=1e-13
        )


@pytest.mark.parametrize("most", [7, 40, 120])
def test_sampled_configurations_are_right_on_average(most: int) -> None:
    """No bias at all: the mean over 200 seeds is within 5 standard errors of the enumeration, for every row."""
    points = random_points(3, 10, 5, 3)
    exact = after(points[:5])
    sampled = [after(points[:5], most, seed) for seed in range(200)]
    assert {len(each) for each in sampled} <= set(range(most // 2, most + 1))
    assert not any(each.exact for each in sampled)
    for right, estimates in [
        (exact.information(points.log()), torch.stack([each.information(points.log()) for each in sampled])),
        (torch.tensor([exact.remaining()]), torch.tensor([[each.remaining()] for each in sampled])),
    ]:
        standard_error = estimates.std(0) / len(estimates) ** 0.5
        assert ((estimates.mean(0) - right).abs() < 5 * standard_error).all()


def test_resampling_an_enumeration_beats_drawing_labels() -> None:
    """Five points just past the limit: a third of the error of as many stratified ancestral draws, or less."""
    points = random_points(3, 10, 5, 3)
    exact, most = after(points[:5]).information(points.log()), 120
    resampled = torch.stack([after(points[:5], most, s).information(points.log()) - exact for s in range(50)])
    drawn = torch.stack([_drawn(points[:5], most, s).information(points.log()) - exact for s in range(50)])
    assert float(resampled.square().mean()) < 0.1 * float(drawn.square().mean())


def _drawn(points: Tensor, size: int, seed: int) -> Configurations:
    """Each hypothesis in turn draws its labels; every configuration weighs the same."""
    generator = Generator().manual_seed(seed)
    hypotheses = torch.arange(size) % points.shape[1]
    likelihood = torch.ones(size, points.shape[1], dtype=torch.float64)
    for point in points:
        labels = torch.multinomial(point[hypotheses], 1, generator=generator).squeeze(1)
        likelihood *= point.T[labels]
    weights = torch.full((size,), 1 / size, dtype=torch.float64)
    return Configurations(likelihood / likelihood.sum(1, keepdim=True), weights, exact=False)
