"""Scores of a belief's moments against scores of matrices, and of K functions against those."""

import numpy as np
import pytest
import torch
from torch import Generator, Tensor
from torch.distributions import Categorical, Independent, Normal

from bayesal.acquisitions import alc, gaussian_bald, gaussian_epig
from bayesal.data.pool import Pool
from bayesal.views import FromPool, Given, MomentScore, SampleScore, moments
from bayesal.views.moments import variance_of
from bayesal.views.places import Places
from bayesal.views.samples import Samples
from bayesal.views.targets import TargetPoints
from tests.numerics.oracles_gaussian import DrawingGP, ExactGP, toy_process

POINTS = np.random.default_rng(0).normal(size=(40, 2))
TARGETS = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2)))
WEIGHTS = torch.tensor([2.0, 0.5, 0.5], dtype=torch.float64)
SCORES = {"variance": moments.variance, "bald": moments.bald, "alc": moments.alc, "epig": moments.epig}


def pool(chunk_size: int = 7) -> Pool:
    return Pool.of(torch.from_numpy(POINTS), chunk_size=chunk_size, progress=False)


def targets_of(name: str) -> Given | None:
    return Given(TARGETS, WEIGHTS) if name in ("alc", "epig") else None


def expected(name: str, process: ExactGP, noise: float) -> Tensor:
    """By the tensor functions on the whole matrix."""
    everything = np.concatenate([POINTS, TARGETS.numpy()])
    matrix = torch.from_numpy(process.posterior(everything, everything))
    v, c, t = matrix.diagonal()[:40], matrix[:40, 40:], matrix.diagonal()[40:]
    return {
        "variance": lambda: v,
        "bald": lambda: gaussian_bald(v, noise),
        "alc": lambda: alc(v, c, noise, WEIGHTS),
        "epig": lambda: gaussian_epig(v, c, t, noise, None, WEIGHTS),
    }[name]()


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("chunk_size", [1, 7, 100])
def test_moments_are_looked_at_chunk_by_chunk(name: str, chunk_size: int, generator: Generator):
    process = toy_process(0)
    view = MomentScore(SCORES[name], targets_of(name))
    scores = pool(chunk_size).scan(view(process, pool(), generator=generator))
    torch.testing.assert_close(scores, expected(name, process, process.noise))


def test_a_noise_that_is_given_outranks_the_belief_s_own(generator: Generator):
    process = toy_process(0)
    look = MomentScore(moments.bald, noise=0.7)(process, pool(), generator=generator)
    torch.testing.assert_close(pool().scan(look), expected("bald", process, 0.7))


def test_targets_without_noise_are_the_function_itself(generator: Generator):
    process = toy_process(0)
    view = MomentScore(lambda seen: moments.epig(seen, target_noise=0.0), Given(torch.from_numpy(POINTS[:1])))
    look = view(process, pool(), generator=generator)
    bald = expected("bald", process, process.noise)
    torch.testing.assert_close(pool().scan(look)[0], bald[0])


class Silent:
    """Moments, but nobody knows the noise."""

    def __init__(self, process: ExactGP) -> None:
        self.mean, self.covariance = process.mean, process.covariance


def test_without_a_known_noise_only_the_variance_can_be_had(generator: Generator):
    process = toy_process(0)
    look = MomentScore(moments.variance)(Silent(process), pool(), generator=generator)
    torch.testing.assert_close(pool().scan(look), expected("variance", process, 1.0))
    for name in ("bald", "alc", "epig"):
        look = MomentScore(SCORES[name], targets_of(name))(Silent(process), pool(), generator=generator)
        with pytest.raises(ValueError, match="give its variance as noise=, or give the belief an attribute noise"):
            pool().scan(look)


def test_variances_come_from_small_blocks_or_from_the_belief_s_own_way():
    process = toy_process(0)
    many = torch.from_numpy(np.random.default_rng(0).normal(size=(100, 2)))
    seen = variance_of(process, many)
    np.testing.assert_allclose(seen.numpy(), process.posterior(many.numpy(), many.numpy()).diagonal(), atol=1e-12)
    assert max(rows for rows, _ in process.columns) <= moments.BLOCK

    class Quick(Silent):
        def variance(self, inputs: Tensor, /) -> Tensor:
            return torch.full((len(inputs),), 2.5)

    assert variance_of(Quick(process), many[:3]).tolist() == [2.5] * 3
    assert variance_of(process, many[:0]).shape == (0,)


@pytest.mark.parametrize("name", SCORES)
def test_many_functions_give_the_scores_of_the_moments(name: str, generator: Generator):
    process = toy_process(0)
    table = np.concatenate([POINTS, TARGETS.numpy()])
    belief = DrawingGP(process, table, process.noise**0.5)
    view = SampleScore(SCORES[name], targets_of(name), num_hypotheses=20_000)
    scores = pool().scan(view(belief, pool(), generator=generator))
    torch.testing.assert_close(scores, expected(name, process, process.noise), rtol=0.1, atol=0.01)
    given = SampleScore(SCORES[name], targets_of(name), num_hypotheses=20_000, noise=0.7)
    scores = pool().scan(given(belief, pool(), generator=generator))
    torch.testing.assert_close(scores, expected(name, process, 0.7), rtol=0.1, atol=0.01)


def test_features_are_the_sample_covariance_and_noise_the_mean_of_variances():
    generator = Generator().manual_seed(0)
    means, sds = torch.randn(2, 5, 8, generator=generator, dtype=torch.float64)
    samples = Samples.of(Normal(means, sds.abs()))
    torch.testing.assert_close(samples.features @ samples.features.T, torch.cov(means))
    torch.testing.assert_close(samples.noise, (sds**2).mean(1))
    torch.testing.assert_close(samples.whitened, samples.features / samples.noise.sqrt()[:, None])


def test_targets_are_seen_by_the_same_functions(generator: Generator):
    """With the pool as its own target and no noise there, the information is that about the function."""
    process = toy_process(0)
    belief = DrawingGP(process, POINTS, 0.3)
    point = Given(torch.from_numpy(POINTS[:1]))
    epig = SampleScore(lambda seen: moments.epig(seen, target_noise=0.0), point, num_hypotheses=5)
    bald = SampleScore(moments.bald, num_hypotheses=5)
    one, other = (pool().scan(view(belief, pool(), generator=Generator().manual_seed(0)))[0] for view in (epig, bald))
    torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("predictions", "sentence"),
    [
        (Categorical(logits=torch.zeros(3, 4, 2)), "predicts Categorical of batch shape .*use epig, bald or batchbald"),
        (Independent(Normal(torch.zeros(3, 4, 2), 1), 1), "predicts Independent .*bald or variance for several"),
        (Normal(torch.zeros(3, 4, 2), 1), r"batch shape \(3, 4, 2\)"),
        (Normal(torch.zeros(3, 1), 1), "at least 2 hypotheses, but there are 1"),
    ],
)
def test_what_has_no_gaussian_moments_is_sent_elsewhere(predictions, sentence: str):
    with pytest.raises(ValueError, match=sentence):
        Samples.of(predictions)


def test_noise_of_zero_cannot_be_a_unit():
    with pytest.raises(ValueError, match="noise is a variance and must be above 0, but the smallest is 0"):
        _ = Samples.of(Normal(torch.rand(3, 4), torch.zeros(3, 4), validate_args=False)).whitened


def test_half_precision_is_computed_in_single():
    samples = Samples.of(Normal(torch.rand(3, 4).bfloat16(), torch.ones(3, 4).bfloat16(), validate_args=False))
    assert samples.features.dtype == samples.noise.dtype == torch.float32


def test_targets_of_the_pool_are_drawn_by_the_generator():
    process = toy_process(0)
    view = MomentScore(moments.epig, FromPool(5))

    def scores(seed: int) -> Tensor:
        return pool().scan(view(process, pool(), generator=Generator().manual_seed(seed)))

    torch.testing.assert_close(scores(0), scores(0), rtol=0, atol=0)
    assert not torch.equal(scores(0), scores(1))


def test_places_are_the_pool_and_then_the_targets():
    process = toy_process(0)
    ids = np.array([5, 3, 8])
    elsewhere = Pool.of(TARGETS, ids=["a", "b", "c"], progress=False)
    places = Places(process, pool(), ids, TargetPoints(elsewhere, ["c", "a"]))
    everything = np.concatenate([POINTS[ids], TARGETS.numpy()[[2, 0]]])
    matrix = torch.from_numpy(process.posterior(everything, everything))
    torch.testing.assert_close(places.variance(places.here), matrix.diagonal()[:3])
    torch.testing.assert_close(places.variance(places.there), matrix.diagonal()[3:])
    torch.testing.assert_close(places.covariance(places.here, places.there), matrix[:3, 3:])
    torch.testing.assert_close(places.covariance(places.there, places.here[1:2]), matrix[3:, 1:2])
    torch.testing.assert_close(places.covariance(places.here, torch.tensor([2, 0])), matrix[:3][:, [2, 0]])
