"""Gaussian BALD, EPIG and ALC: the card's numbers, determinants, a refitted process, and the doors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bayesal.acquisitions import alc, gaussian_bald, gaussian_epig
from tests.numerics.oracles_gaussian import covariances, information_between, joint_information, toy_process

seeds = st.integers(0, 2**32 - 1)


def numbers(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def parts(seed: int, n: int = 6, m: int = 4) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Variances of n points, their covariances with m targets, and the targets' variances."""
    joint = torch.from_numpy(covariances(seed, n + m))
    return joint.diagonal()[:n], joint[:n, n:], joint.diagonal()[n:]


def test_the_worked_numbers():
    one, c = numbers(1.0), numbers(0.6)[:, None]
    assert float(gaussian_epig(one, c, one, 0.1)) == pytest.approx(0.176570, abs=5e-7)
    assert float(gaussian_epig(one, c, one, 0.1, 0.0)) == pytest.approx(0.198208, abs=5e-7)
    assert gaussian_bald(numbers(1.0, 1.5), 0.1).tolist() == pytest.approx([1.19895, 1.38629], abs=5e-6)
    assert float(alc(one, c, 0.1)) == pytest.approx(0.36 / 1.1)


@given(seed=seeds)
def test_bald_and_epig_are_information_by_determinants(seed: int):
    joint, noise = covariances(seed, 5), 0.3
    variance = torch.from_numpy(joint.diagonal().copy())
    np.testing.assert_allclose(
        gaussian_bald(variance, noise).numpy(), [joint_information(joint, [n], noise) for n in range(5)]
    )
    noisy = joint + noise * np.eye(5)
    expected = [np.mean([information_between(noisy, [n], [t]) for t in (3, 4)]) for n in range(3)]
    seen = gaussian_epig(variance[:3], torch.from_numpy(joint[:3, 3:]), variance[3:], noise)
    np.testing.assert_allclose(seen.numpy(), expected, rtol=1e-9)


@given(seed=seeds, label=st.floats(-10, 10))
def test_alc_is_the_drop_of_variance_after_refitting_with_any_label(seed: int, label: float):
    process = toy_process(seed)
    points, targets = np.random.default_rng(seed + 1).normal(size=(2, 5, 2))
    before = process.posterior(targets, targets).diagonal()
    expected = [
        np.mean(before - process.also_at(point[None], np.array([label])).posterior(targets, targets).diagonal())
        for point in points
    ]
    variance = torch.from_numpy(process.posterior(points, points).diagonal().copy())
    seen = alc(variance, torch.from_numpy(process.posterior(points, targets)), process.noise)
    np.testing.assert_allclose(seen.numpy(), expected, atol=1e-9)


@given(seed=seeds)
def test_with_one_target_alc_and_epig_rank_the_same(seed: int):
    variance, covariance, target_variance = parts(seed, n=20, m=1)
    by_alc = alc(variance, covariance, 0.2).argsort()
    assert gaussian_epig(variance, covariance, target_variance, 0.2).argsort().tolist() == by_alc.tolist()


def test_with_several_targets_alc_and_epig_may_rank_differently():
    """One point tells a bit about a wild target, another much about a tame one."""
    variance, target_variance = numbers(1, 1), numbers(100, 0.1)
    covariance = torch.tensor([[3.0, 0.0], [0.0, 0.3]], dtype=torch.float64)
    assert int(alc(variance, covariance, 0.1).argmax()) == 0
    assert int(gaussian_epig(variance, covariance, target_variance, 0.1, 0.01).argmax()) == 1


@given(seed=seeds)
def test_labels_at_targets_never_tell_more_than_the_function(seed: int):
    variance, covariance, target_variance = parts(seed)
    bald = gaussian_bald(variance, 0.2)
    exact = gaussian_epig(variance, covariance, target_variance, 0.2, 0.0)
    noisy = gaussian_epig(variance, covariance, target_variance, 0.2)
    assert (exact <= bald + 1e-12).all()
    assert (noisy <= exact + 1e-12).all()
    assert (noisy >= 0).all()


@given(seed=seeds)
def test_information_is_symmetric_between_point_and_target(seed: int):
    variance, covariance, target_variance = parts(seed, n=1, m=1)
    there = gaussian_epig(variance, covariance, target_variance, 0.2, 0.5)
    torch.testing.assert_close(gaussian_epig(target_variance, covariance.T, variance, 0.5, 0.2), there)


@given(seed=seeds)
def test_scores_do_not_depend_on_the_unit_of_labels(seed: int):
    variance, covariance, target_variance = parts(seed)
    unit = 1e6
    torch.testing.assert_close(gaussian_bald(variance * unit, 0.2 * unit), gaussian_bald(variance, 0.2))
    torch.testing.assert_close(
        gaussian_epig(variance * unit, covariance * unit, target_variance * unit, 0.2 * unit),
        gaussian_epig(variance, covariance, target_variance, 0.2),
    )


@given(seed=seeds)
def test_weights_count_targets(seed: int):
    """A weight of 2 is a target twice, whatever the weights add up to."""
    variance, covariance, target_variance = parts(seed, m=3)
    twice = [0, 0, 2]
    weights = numbers(2, 0, 1)
    torch.testing.assert_close(
        gaussian_epig(variance, covariance, target_variance, 0.2, target_weights=5 * weights),
        gaussian_epig(variance, covariance[:, twice], target_variance[twice], 0.2),
    )
    torch.testing.assert_close(alc(variance, covariance, 0.2, 7 * weights), alc(variance, covariance[:, twice], 0.2))


def test_noise_of_each_point_and_target_is_its_own():
    variance, covariance, target_variance = parts(0, n=3, m=2)
    noise, target_noise = numbers(0.1, 0.2, 0.3), numbers(0, 0.5)
    together = gaussian_epig(variance, covariance, target_variance, noise, target_noise)
    alone = [
        np.mean(
            [
                float(gaussian_epig(variance[[n]], covariance[[n]][:, [t]], target_variance[[t]], noise[n], float(s)))
                for t, s in enumerate(target_noise)
            ]
        )
        for n in range(3)
    ]
    assert together.tolist() == pytest.approx(alone)
    assert gaussian_bald(variance, noise).tolist() == pytest.approx(
        [float(gaussian_bald(variance[[n]], noise[n])) for n in range(3)]
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 2e-2)])
def test_lower_precision_only_rounds_what_is_given(dtype: torch.dtype, tolerance: float):
    given_parts = parts(0)
    rounded = [part.to(dtype) for part in given_parts]
    for score in (
        lambda v, c, t: gaussian_bald(v, 0.2),
        lambda v, c, t: gaussian_epig(v, c, t, 0.2),
        lambda v, c, t: alc(v, c, 0.2),
    ):
        assert score(*rounded).dtype == torch.float32
        exact = score(*(part.double() for part in rounded))
        torch.testing.assert_close(score(*rounded).double(), exact, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(score(*rounded).double(), score(*given_parts), rtol=tolerance, atol=tolerance)


def test_no_points_have_no_scores():
    nothing, targets = numbers(), numbers(1, 2)
    assert gaussian_bald(nothing, 0.1).shape == (0,)
    assert gaussian_epig(nothing, torch.empty(0, 2, dtype=torch.float64), targets, 0.1).shape == (0,)
    assert alc(nothing, torch.empty(0, 2, dtype=torch.float64), 0.1).shape == (0,)


def test_a_known_point_tells_nothing_and_what_rounding_left_below_zero_is_zero():
    variance = numbers(0, -1e-15, 1)
    assert gaussian_bald(variance, 0.1)[:2].tolist() == [0, 0]
    covariance = torch.zeros(3, 1, dtype=torch.float64)
    assert gaussian_epig(variance, covariance, numbers(1), 0.1, 0.0).tolist() == [0, 0, 0]
    assert alc(variance, covariance, 0.1).tolist() == [0, 0, 0]


def test_gradients_are_left_behind():
    variance, covariance, target_variance = (part.clone().requires_grad_() for part in parts(0))
    assert not gaussian_bald(variance, 0.1).requires_grad
    assert not gaussian_epig(variance, covariance, target_variance, 0.1).requires_grad
    assert not alc(variance, covariance, 0.1).requires_grad


@pytest.mark.parametrize("noise", [0.0, -1.0, float("nan"), float("inf")])
def test_noise_must_be_above_zero(noise: float):
    variance, covariance, target_variance = parts(0)
    for score in (
        lambda: gaussian_bald(variance, noise),
        lambda: gaussian_epig(variance, covariance, target_variance, noise),
        lambda: alc(variance, covariance, noise),
    ):
        with pytest.raises(ValueError, match=r"noise is a variance and must be above 0, but it is .*infinitely much"):
            score()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"variance": numbers(1, float("nan"))}, "variance must be finite numbers, but position 1"),
        ({"variance": numbers(1, -0.5)}, "variance must not be negative, but position 1 has -0.5"),
        ({"target_variance": numbers(-1)}, "target_variance must not be negative, but position 0"),
        ({"covariance": numbers(0.1, float("inf"))[:, None]}, "covariance must be finite numbers, but position 1"),
        ({"covariance": numbers(0.1, 1.1)[:, None]}, r"larger than its two variances allow \(c² > v v\*\)"),
        ({"noise": numbers(1, 2, 3)}, "one for each of the 2, but has shape"),
        ({"noise": numbers(1, 2), "target_noise": None}, "give target_noise too"),
        ({"target_noise": -1.0}, "target_noise is a variance and must be at least 0, but it is -1"),
        ({"target_weights": numbers(-1)}, "1 numbers of at least 0"),
        ({"target_weights": numbers(0)}, "do not all vanish"),
        ({"target_weights": numbers(float("nan"))}, "sum nan"),
    ],
)
def test_bad_input_gets_a_sentence(changes: dict, sentence: str):
    sound = {
        "variance": numbers(1, 1),
        "covariance": numbers(0.5, 0.2)[:, None],
        "target_variance": numbers(1),
        "noise": 0.1,
        "target_noise": 0.1,
        "target_weights": None,
    }
    with pytest.raises(ValueError, match=sentence):
        gaussian_epig(**(sound | changes))


def test_no_targets_get_a_sentence():
    with pytest.raises(ValueError, match="there are no targets"):
        alc(numbers(1), torch.empty(1, 0, dtype=torch.float64), 0.1)
