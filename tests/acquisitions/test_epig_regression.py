"""EPIG of numbers: by matched moments against covariances built by hand, by sampling against quadrature."""

import math
from statistics import NormalDist, fmean

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, Normal

from bayesal.acquisitions import bald, epig, epig_sampled
from bayesal.numerics import normal_pairs, sampled_pairs
from bayesal.testing.acquisition import examine_acquisition

# Population variances 1 and 1 and covariance 0.6, from four hypotheses.
FIRST, SECOND = (1, 1, -1, -1), (1.4, -0.2, 0.2, -1.4)
both = pytest.mark.parametrize("score", ["epig", "epig_sampled"])


def numbers(means: object, scales: object = 1.0) -> Normal:
    mean = torch.as_tensor(means, dtype=torch.float64)
    return Normal(mean, torch.as_tensor(scales, dtype=torch.float64).expand(mean.shape), validate_args=False)


def random_numbers(seed: int, *shape: int) -> Normal:
    generator = torch.Generator().manual_seed(seed)
    means = torch.randn(*shape, dtype=torch.float64, generator=generator)
    return numbers(means, 0.2 + torch.rand(*shape, dtype=torch.float64, generator=generator))


def sampled(points, targets, weights=None, num_draws: int = 64, seed: int = 0) -> torch.Tensor:
    return epig_sampled(points, targets, weights, num_draws=num_draws, generator=torch.Generator().manual_seed(seed))


def scored(score: str, *given) -> torch.Tensor:
    return epig(*given) if score == "epig" else sampled(*given)


def moment_information(point: list[list[float]], target: list[list[float]]) -> float:
    """½ ln V V* / (V V* - c²) of one point and one target, each a list of (mean, scale) by hypothesis."""
    (m, s), (n, r) = zip(*point, strict=True), zip(*target, strict=True)
    v = fmean(x * x for x in s) + fmean(x * x for x in m) - fmean(m) ** 2
    w = fmean(x * x for x in r) + fmean(x * x for x in n) - fmean(n) ** 2
    c = fmean(x * y for x, y in zip(m, n, strict=True)) - fmean(m) * fmean(n)
    return 0.5 * math.log(v * w / (v * w - c * c))


def quadrature(point: Normal, target: Normal) -> float:
    """∫∫ p ln p / p(y) p(y*) of mixtures of K Normals, by the trapezoidal rule on a grid."""

    def densities(side: Normal) -> tuple[np.ndarray, float]:
        components = [NormalDist(m, s) for m, s in zip(side.loc[0].tolist(), side.scale[0].tolist(), strict=True)]
        low = min(x.mean - 9 * x.stdev for x in components)
        high = max(x.mean + 9 * x.stdev for x in components)
        grid = np.linspace(low, high, 700)
        return np.array([[x.pdf(y) for y in grid] for x in components]), grid[1] - grid[0]

    (p, step), (q, target_step) = densities(point), densities(target)
    joint = p.T @ q / len(p)
    ratio = joint / np.maximum(np.outer(p.mean(0), q.mean(0)), 1e-300)
    return float((joint * np.log(np.maximum(ratio, 1e-300))).sum() * step * target_step)


def test_worked_numbers_of_the_closed_form():
    noise = math.sqrt(0.1)
    seen = epig(numbers([FIRST], noise), numbers([SECOND], noise))
    torch.testing.assert_close(seen.tolist(), [0.176570], rtol=3e-6, atol=0)
    seen = epig(numbers([FIRST], noise), numbers([SECOND], 1e-5))
    torch.testing.assert_close(seen.tolist(), [0.198208], rtol=3e-6, atol=0)


@given(seed=st.integers(0, 2**32), k=st.integers(2, 7), t=st.integers(1, 4))
def test_matched_moments_are_those_built_by_hand(seed, k, t):
    points, targets = random_numbers(seed, 3, k), random_numbers(seed + 1, t, k)
    weights = [1.0, 2.0, 0.0, 4.0][:t]
    rows, columns = (torch.stack([x.loc, x.scale], dim=2).tolist() for x in (points, targets))
    exact = [
        math.fsum(w * moment_information(x, y) for w, y in zip(weights, columns, strict=True)) / math.fsum(weights)
        for x in rows
    ]
    torch.testing.assert_close(epig(points, targets, torch.tensor(weights)).tolist(), exact, rtol=1e-9, atol=1e-12)


@given(seed=st.integers(0, 2**32))
def test_several_outputs_are_one_vector(seed):
    """½ (ln det V + ln det V* - ln det of both), the joint covariance made by torch.cov."""
    points, targets = random_numbers(seed, 1, 6, 3), random_numbers(seed + 1, 1, 6, 2)
    together = torch.cat([points.loc, targets.loc], dim=2)[0].T
    noise = torch.cat([points.scale, targets.scale], dim=2)[0].square().mean(0)
    joint = torch.cov(together, correction=0) + torch.diag(noise)
    expected = 0.5 * (joint[:3, :3].logdet() + joint[3:, 3:].logdet() - joint.logdet())
    seen = epig(Independent(points, 1), Independent(targets, 1))
    torch.testing.assert_close(seen, expected[None], rtol=1e-8, atol=1e-10)


def test_a_vector_of_one_output_is_a_number():
    points, targets = random_numbers(0, 4, 6), random_numbers(1, 3, 6)
    vectors = [Independent(numbers(x.loc[:, :, None], x.scale[:, :, None]), 1) for x in (points, targets)]
    for score in ("epig", "epig_sampled"):
        torch.testing.assert_close(scored(score, *vectors), scored(score, points, targets))
        torch.testing.assert_close(scored(score, vectors[0], targets), scored(score, points, targets))


def test_an_output_that_knows_nothing_changes_nothing():
    points, targets = random_numbers(0, 4, 6), random_numbers(1, 3, 6)
    idle = torch.zeros(4, 6)
    vectors = Independent(numbers(torch.stack([points.loc, idle], 2), torch.stack([points.scale, idle + 1], 2)), 1)
    torch.testing.assert_close(epig(vectors, targets), epig(points, targets))


def test_points_and_targets_tell_the_same_about_each_other():
    a, b = (Independent(random_numbers(seed, 1, 6, seed), 1) for seed in (2, 3))
    torch.testing.assert_close(epig(a, b), epig(b, a))


def test_hypotheses_have_names_that_points_and_targets_share():
    points, targets, order = random_numbers(0, 4, 6), random_numbers(1, 1, 6), torch.tensor([3, 1, 5, 0, 4, 2])
    moved, targets_moved = (numbers(x.loc[:, order], x.scale[:, order]) for x in (points, targets))
    torch.testing.assert_close(epig(moved, targets_moved), epig(points, targets))
    assert ((epig(points, targets_moved) - epig(points, targets)).abs() > 1e-4).all()


@pytest.mark.parametrize("elements", [1, 37, 10**6])
def test_blocks_do_not_matter(elements, monkeypatch):
    points, targets = random_numbers(0, 7, 6), random_numbers(1, 4, 6)
    vectors = [Independent(random_numbers(2, 7, 6, 3), 1), Independent(random_numbers(3, 4, 6, 2), 1)]
    whole = epig(points, targets), epig(*vectors)
    monkeypatch.setattr(normal_pairs, "ELEMENTS", elements)
    torch.testing.assert_close((epig(points, targets), epig(*vectors)), whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("elements", [1, 100])
def test_blocks_of_draws_do_not_matter(elements, monkeypatch):
    points, targets = random_numbers(0, 7, 6), random_numbers(1, 4, 6)
    whole = sampled(points, targets)
    monkeypatch.setattr(sampled_pairs, "ELEMENTS", elements)
    torch.testing.assert_close(sampled(points, targets), whole)


@both
def test_the_unit_of_the_label_does_not_matter(score):
    points, targets = random_numbers(0, 7, 6), random_numbers(1, 4, 6)
    scaled = numbers(1e4 * points.loc + 7e5, 1e4 * points.scale)
    torch.testing.assert_close(scored(score, scaled, targets), scored(score, points, targets), rtol=1e-8, atol=1e-9)


@both
def test_agreeing_hypotheses_are_worth_nothing(score):
    points, targets = random_numbers(0, 4, 6), numbers(torch.full((3, 6), 2.5))
    expected = torch.zeros(4, dtype=torch.float64)
    torch.testing.assert_close(scored(score, points, targets), expected, rtol=0, atol=1e-12)


@both
def test_float32_agrees_with_float64(score):
    points, targets = random_numbers(0, 7, 6), random_numbers(1, 4, 6)
    single = [Normal(x.loc.float(), x.scale.float()) for x in (points, targets)]
    assert scored(score, *single).dtype == torch.float32
    torch.testing.assert_close(scored(score, *single).double(), scored(score, points, targets), rtol=0, atol=1e-5)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_sampling_is_unbiased_for_the_mixture(k):
    points, targets = random_numbers(k, 3, k), random_numbers(k + 10, 2, k)
    weights = torch.tensor([1.0, 3.0])
    rows, columns = (
        [numbers(m[None], s[None]) for m, s in zip(x.loc, x.scale, strict=True)] for x in (points, targets)
    )
    exact = torch.tensor([0.25 * quadrature(x, columns[0]) + 0.75 * quadrature(x, columns[1]) for x in rows])
    means = torch.stack([sampled(points, targets, weights, num_draws=203, seed=seed) for seed in range(60)])
    error = means.std(0) / math.sqrt(60)
    assert ((means.mean(0) - exact).abs() < 5 * error).all()
    assert (error < 0.02).all()  # so that five of them mean something


def test_sampling_is_unbiased_for_vectors():
    """Outputs that say the same twice: two readings with noise σ are one with noise σ / √2."""
    mean, targets = torch.tensor([[-1.0, 0.2, 1.5]]), random_numbers(1, 1, 3)
    twice = Independent(numbers(mean[:, :, None].expand(1, 3, 2), 0.8), 1)
    once = numbers(mean, 0.8 / math.sqrt(2))
    means = torch.stack([sampled(twice, targets, num_draws=150, seed=seed) for seed in range(60)])
    assert abs(float(means.mean()) - quadrature(once, targets)) < 5 * float(means.std()) / math.sqrt(60)


def test_the_standard_error_falls_as_the_root_of_the_draws():
    points, targets = random_numbers(0, 20, 5), random_numbers(1, 3, 5)
    few, many = (torch.stack([sampled(points, targets, None, n, s) for s in range(80)]).std(0) for n in (25, 400))
    assert float((few / many).log().mean().exp()) == pytest.approx(4, rel=0.25)


def test_matched_moments_are_the_mixture_when_its_components_nearly_coincide():
    spread = 0.05
    points, targets = numbers(spread * torch.tensor([FIRST])), numbers(spread * torch.tensor([SECOND]))
    assert float(epig(points, targets)) == pytest.approx(quadrature(points, targets), rel=0.01)


def test_certain_distant_hypotheses_tell_all_when_sampled():
    """Where every label shows its hypothesis the mixture's value is ln K; matched moments say something else."""
    far = numbers(100 * torch.arange(4.0)[None])
    torch.testing.assert_close(sampled(far, far).tolist(), [math.log(4)])
    torch.testing.assert_close(bald(far).tolist(), [math.log(4)], rtol=0, atol=1e-6)


def test_every_hypothesis_and_target_is_drawn_as_often_as_it_should_be():
    generator = torch.Generator().manual_seed(0)
    assert set(sampled_pairs.each_equally_often(7, 30, generator).bincount().tolist()) == {4, 5}
    drawn = sampled_pairs.in_proportion(torch.tensor([0.5, 0.0, 0.3, 0.2, 0.0], dtype=torch.float64), 100, generator)
    assert drawn.bincount(minlength=5).tolist() == [50, 0, 30, 20, 0]


def test_the_same_generator_draws_the_same():
    points, targets = random_numbers(0, 7, 6), random_numbers(1, 4, 6)
    torch.testing.assert_close(sampled(points, targets), sampled(points, targets), rtol=0, atol=0)
    assert not torch.equal(sampled(points, targets), sampled(points, targets, seed=1))


@both
def test_the_laws_of_acquisitions_hold_except_that_hypotheses_are_named(score):
    targets = random_numbers(1, 4, 6)
    findings = examine_acquisition(lambda p: scored(score, p, targets), tasks=("regression",))
    broken = {finding.law for finding in findings if not finding.passed}
    assert "order of hypotheses" in broken
    assert broken <= {"order of hypotheses", "one hypothesis"}  # one hypothesis is refused: the targets have six


@both
def test_an_empty_pool_has_no_scores(score):
    for targets in (random_numbers(1, 4, 6), Independent(random_numbers(1, 4, 6, 2), 1)):
        assert scored(score, numbers(torch.empty(0, 6)), targets).shape == (0,)


@both
def test_a_single_hypothesis_is_zero_with_a_warning(score):
    with pytest.warns(UserWarning, match="draw more hypotheses"):
        scores = scored(score, random_numbers(0, 3, 1), random_numbers(1, 2, 1))
    torch.testing.assert_close(scores.tolist(), [0.0] * 3, rtol=0, atol=1e-12)


@both
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_bad_means_are_refused_with_their_point(score, bad):
    whole, means = random_numbers(0, 4, 6), torch.zeros(4, 6)
    means[2, 3] = bad
    with pytest.raises(ValueError, match="for point 2 "):
        scored(score, numbers(means), whole)
    with pytest.raises(ValueError, match="for target point 2 "):
        scored(score, whole, numbers(means))


@both
@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_label_without_noise_is_refused(score, bad):
    scales = torch.ones(4, 6)
    scales[2, 3] = bad
    with pytest.raises(ValueError, match=r"must be positive, but point 2 has .*floor"):
        scored(score, numbers(torch.zeros(4, 6), scales), random_numbers(0, 4, 6))
    with pytest.raises(ValueError, match=r"must be positive, but target point 2 has"):
        scored(score, random_numbers(0, 4, 6), numbers(torch.zeros(4, 6), scales))


def test_very_small_noise_gives_a_large_number_and_not_an_infinite_one():
    line = numbers([FIRST], 1e-6)
    assert float(epig(line, line)) == pytest.approx(-0.5 * math.log(2e-12), rel=1e-3)


def test_noise_too_small_for_the_covariance_of_outputs_is_refused():
    same = Independent(numbers(torch.tensor(FIRST)[None, :, None].expand(1, 4, 3), 1e-12), 1)
    with pytest.raises(ValueError, match="give the noise a floor"):
        epig(same, same)


@both
def test_what_has_no_pairs_is_refused(score):
    points = random_numbers(0, 4, 6)
    for targets, sentence in (
        (random_numbers(0, 4, 5), "same hypotheses"),
        (numbers(torch.empty(0, 6)), "at least one target"),
        (Independent(random_numbers(0, 4, 6, 2, 2), 2), "maps"),
        (random_numbers(0, 4, 6, 2), "maps"),
        (Categorical(logits=torch.zeros(4, 6, 3)), "is for"),
    ):
        with pytest.raises(ValueError, match=sentence):
            scored(score, points, targets)
    with pytest.raises(ValueError, match="one weight for each"):
        scored(score, points, points, torch.ones(3))


def test_sampling_needs_draws_and_leaves_classes_to_epig():
    points = random_numbers(0, 4, 6)
    with pytest.raises(ValueError, match="num_draws must be at least 1"):
        sampled(points, points, num_draws=0)
    classes = Categorical(logits=torch.zeros(4, 6, 3))
    with pytest.raises(ValueError, match="for classes epig is exact"):
        sampled(classes, classes)
