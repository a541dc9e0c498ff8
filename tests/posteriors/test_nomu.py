"""NOMU: its desiderata, its closed forms, the joint law of its draws, and a predictor that does not change."""

import math
import pickle
import warnings
from dataclasses import replace

import pytest
import torch
from scipy.stats import spearmanr
from torch import Generator, Tensor, nn
from torch.distributions import Normal

from bayesal.bench.evaluation import mixture_metrics
from bayesal.learning import CrossEntropy, SquaredLoss
from bayesal.learning.streams import seeded
from bayesal.networks import MLP, Standardise
from bayesal.networks.nomu import NOMUNetwork, Readout
from bayesal.posteriors import NOMU, NOMUCalibration, NOMUTraining
from bayesal.posteriors.nomu_parts.artificial import Box
from bayesal.posteriors.nomu_parts.descent import Descent
from bayesal.posteriors.nomu_parts.training import beyond
from bayesal.testing import check_posterior
from bayesal.testing.findings import LawBroken

FREE = NOMUCalibration(c=1.0, noise=0.0)
SHORT = NOMUTraining(hidden=(64, 64), descent=Descent(epochs=300, learning_rate=3e-3, progress=False))
TINY = NOMUTraining(hidden=(16,), descent=Descent(epochs=30, learning_rate=1e-2, progress=False))


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def between(low: float, high: float, size: int = 1) -> tuple[Tensor, Tensor]:
    return torch.full((size,), low), torch.full((size,), high)


def wave(x: Tensor) -> Tensor:
    return 0.8 * torch.sin(4 * x[:, 0])


def fit(x: Tensor, y: Tensor, training: NOMUTraining = TINY, **settings) -> NOMU:
    settings = {"scale": nn.Identity(), "generator": seed(), "warn": False, **settings}
    return NOMU.fit(x, y, training=training, **settings)


def table(count: int = 12, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    x = torch.randn(count, 3, generator=seed(1), dtype=dtype)
    return x, 500 + 100 * x[:, 0] + 10 * torch.randn(count, generator=seed(2), dtype=dtype)


@pytest.fixture(scope="module", params=[False, True], ids=["detached", "joint"])
def verified(request: pytest.FixtureRequest) -> tuple[NOMU, Tensor, float]:
    """The card's eight points and training; the belief, the points and what σ̂ is multiplied by."""
    x = torch.rand(8, 1, generator=seed()) * 2 - 1
    training = NOMUTraining(hidden=(256, 256), box=between(-1.1, 1.1), descent=Descent(progress=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it converges, and says nothing
        belief = fit(x, wave(x), training, joint=request.param, calibration=FREE, warn=True)
    return belief, x, wave(x).std(correction=0).item()


def test_eight_points_of_a_sine_are_learned_as_the_card_says(verified: tuple[NOMU, Tensor, float]):
    belief, x, scale = verified
    assert (belief.mean(x) - wave(x)).square().mean().sqrt() <= 0.005
    sd = belief.sd(torch.linspace(-1, 1, 400)[:, None]) / scale
    assert 0.08 <= sd.mean() <= 0.18
    assert 0.4 <= sd.max() <= 0.8


def test_d1_standard_deviations_are_positive_even_far_away(verified: tuple[NOMU, Tensor, float]):
    assert (verified[0].sd(torch.linspace(-50, 50, 301)[:, None]) > 0).all()


def test_d2_there_is_next_to_none_at_the_training_points(verified: tuple[NOMU, Tensor, float]):
    belief, x, scale = verified
    assert (belief.sd(x) / scale <= 0.05).all()


def test_d3_it_grows_with_the_distance_to_the_data(verified: tuple[NOMU, Tensor, float]):
    belief, x, _ = verified
    grid = torch.linspace(-1.1, 1.1, 400)[:, None]
    assert spearmanr(torch.cdist(grid, x).amin(1), belief.sd(grid)).statistic >= 0.85


@pytest.mark.parametrize("number", [0, 1])
def test_d4_a_gap_along_the_direction_that_matters_counts_more(number: int):
    """Points that are the same with both inputs swapped leave out a band of either input; only the first one matters.

    That the predictor's features bend the distance shows where the side network is narrow and training is joint: a
    wide side network of its own sees both inputs alike, and the two bands then differ no more than by chance.
    """
    half = torch.rand(60, 2, generator=seed(number)) * 2 - 1
    half = half[(half.abs() >= 0.3).all(1)][:20]
    x = torch.cat([half, half.flip(1)])
    training = replace(SHORT, side=(8,), box=between(-1, 1, 2))
    belief = fit(x, torch.cos(3 * x[:, 0]), training, joint=True, calibration=FREE)
    grid = torch.cartesian_prod(torch.linspace(-0.25, 0.25, 11), torch.linspace(0.35, 1, 14))
    grid = torch.cat([grid, -grid])
    assert belief.sd(grid).mean() > 1.15 * belief.sd(grid.flip(1)).mean()


def test_d5_it_vanishes_as_the_data_fill_the_space():
    means = []
    for count in (4, 16, 64):
        x = torch.rand(count, 1, generator=seed()) * 2 - 1
        belief = fit(x, wave(x), replace(SHORT, box=between(-1, 1)), calibration=FREE)
        means.append(belief.sd(torch.linspace(-1, 1, 200)[:, None]).mean().item())
    assert means[0] > 2 * means[1] > 3 * means[2]


def trained(count: int = 12, dropout: float = 0.2) -> tuple[nn.Module, SquaredLoss, Tensor, Tensor]:
    """A network of any kind, with layers that behave otherwise in training."""
    x, y = table(count)
    with seeded(0):
        body = nn.Sequential(Standardise.of(x), nn.Linear(3, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout))
        network = nn.Sequential(body, nn.Linear(16, 1))
    return network.eval(), SquaredLoss().fit(y.double()), x, y


def test_a_trained_network_predicts_the_same_to_the_last_bit_with_a_side_network():
    network, loss, x, y = trained()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    belief = NOMU.on(network.train(), x, y, loss=loss, generator=seed(), training=TINY, warn=False)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    points = torch.randn(40, 3, generator=seed(5))
    alone = loss.shift + loss.scale * network.eval()(points)[:, 0]
    assert torch.equal(belief.mean(points), alone.detach())
    assert belief.c == 1
    check_posterior(belief, points[:8])


def test_detached_the_side_network_does_not_change_a_bit_of_the_predictor_and_joint_it_does():
    x, y = table()
    points, targets = x / 3, ((y - y.mean()) / y.std()).float()
    box = Box.around(points)
    for joint in (False, True):
        own = TINY.network(points, targets, box, joint=joint, generator=seed())
        generator = seed()
        with seeded(int(torch.randint(2**63 - 1, (), generator=generator))):
            alone = NOMUNetwork.of_widths(3, hidden=(16,)).train()
        TINY._predictor(alone, points, targets, generator)
        assert torch.equal(own.predict(points), alone.predict(points)) != joint
        assert torch.equal(own(points).prediction, own.predict(points))


@pytest.mark.parametrize("dependence", ["features", "independent"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_laws_hold_in_both_number_types(dependence, dtype: torch.dtype):
    x, y = table(dtype=dtype)
    belief = fit(x, y, replace(TINY, dtype=dtype), dependence=dependence)
    points = torch.cat([x[:4], torch.randn(6, 3, generator=seed(3), dtype=dtype)])
    assert not [finding for finding in check_posterior(belief, points) if finding.warning]
    assert belief.mean(points).dtype == dtype
    whole = belief.draw(3, generator=seed())(points.round())
    assert torch.equal(belief.draw(3, generator=seed())(points.round().long()).loc, whole.loc)


def test_one_shared_normal_is_what_the_laws_warn_of():
    belief = fit(*table(), dependence="shared")
    with pytest.raises(LawBroken, match="points move apart"):
        check_posterior(belief, table()[0])
    drawn = (belief.draw(3, generator=seed())(table()[0]).loc - belief.mean(table()[0])[:, None]) / belief.sd(
        table()[0]
    )[:, None]
    torch.testing.assert_close(drawn, drawn[:1].expand_as(drawn), atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("dependence", ["features", "independent", "shared"])
def test_draws_have_exactly_the_marginals_and_the_covariance_that_is_said(dependence):
    x, y = table(dtype=torch.float64)
    belief = fit(x, y, replace(TINY, dtype=torch.float64), dependence=dependence)
    points = torch.cat([x[:3], torch.randn(5, 3, generator=seed(3), dtype=torch.float64), x[:1]])
    count = 5000
    drawn = belief.draw(count, generator=seed())(points).loc
    sd = belief.sd(points)
    assert ((drawn.mean(1) - belief.mean(points)).abs() < 4 * sd / math.sqrt(count)).all()
    assert ((drawn.var(1) / belief.variance(points) - 1).abs() < 4 * math.sqrt(2 / count)).all()
    covariance = belief.covariance(points, points)
    torch.testing.assert_close(covariance.diagonal(), belief.variance(points), rtol=1e-6, atol=0)
    error = (torch.cov(drawn) - covariance) / sd / sd[:, None]
    assert error.abs().max() < 4 / math.sqrt(count) + 0.06
    assert torch.linalg.eigvalsh(covariance).min() > -1e-6 * covariance.max()
    torch.testing.assert_close(covariance[0, -1], belief.variance(points)[0], rtol=1e-6, atol=0)
    assert dependence in repr(belief)


def test_labels_in_other_units_change_mean_and_sd_by_the_map_and_the_sd_is_not_shifted():
    x, y = table()
    own, other = fit(x, y), fit(x, 10 * y - 3000)
    points = torch.randn(6, 3, generator=seed(3))
    torch.testing.assert_close(other.mean(points), 10 * own.mean(points) - 3000, rtol=1e-3, atol=1.0)
    torch.testing.assert_close(other.sd(points), 10 * own.sd(points), rtol=1e-2, atol=0)
    assert other.noise == pytest.approx(100 * own.noise, rel=1e-2)
    torch.testing.assert_close(own.with_c(2 * own.c).sd(points), 2 * own.sd(points))


def test_c_is_found_on_validation_points_by_its_closed_form():
    x, y = table()
    there = (torch.randn(9, 3, generator=seed(4)), torch.randn(9, generator=seed(5)) * 100 + 500)
    sure = fit(x, y, calibration=FREE)
    belief = fit(x, y, calibration=NOMUCalibration(noise=0.0), validation=there)
    squares = (there[1] - sure.mean(there[0])).square() / sure.variance(there[0])
    assert belief.c == pytest.approx(squares.mean().sqrt().item(), rel=1e-4)
    network, loss, x, y = trained()
    settings = {"loss": loss, "generator": seed(), "training": TINY, "warn": False}
    for noise in (0.0, None):
        on = NOMU.on(network, x, y, validation=there, calibration=NOMUCalibration(noise=noise), **settings)
        assert on.c != 1
        assert (on.noise > 1e-5 * loss.scale**2) == (noise is None)


def test_without_validation_points_the_folds_see_the_noise_that_the_training_points_hide():
    generator = seed(7)
    x = torch.rand(60, 1, generator=generator) * 2 - 1
    y = torch.randn(60, generator=generator)
    training = NOMUTraining(hidden=(32,), descent=Descent(epochs=150, learning_rate=1e-2, l2=0.1, progress=False))
    belief = fit(x, y, training)
    assert 0.5 < belief.noise + belief.variance(x).mean() < 2.0
    known = fit(x, y, training, calibration=NOMUCalibration(noise=0.25, folds=2))
    assert known.noise == pytest.approx(0.25)
    predictions = belief.draw(50, generator=seed())(x)
    moments = torch.stack([predictions.loc, predictions.scale.expand_as(predictions.loc)], -1).unsqueeze(2)
    assert mixture_metrics(moments, y)["nll"] < 1.6


def test_a_training_cut_short_is_not_taken_for_converged():
    x, y = table()
    hasty = replace(TINY, descent=Descent(epochs=1, progress=False))
    with pytest.warns(RuntimeWarning, match="has not converged: at a training point"):
        fit(x, y, hasty, calibration=FREE, warn=True)


@pytest.mark.parametrize("joint", [False, True])
def test_batches_larger_and_smaller_than_the_data_train(joint: bool):
    x, y = table()
    for size in (5, 100):
        training = replace(TINY, descent=replace(TINY.descent, batch_size=size, epochs=60), uniform=size == 5)
        belief = fit(x, y, training, joint=joint, calibration=FREE)
        assert (belief.mean(x) - y).square().mean() < 0.6 * y.var()


@pytest.mark.parametrize("count", [1, 2])
def test_one_label_equal_labels_and_equal_points_are_learned_from(count: int):
    for x, y in ((table(count)[0], table(count)[1]), (torch.zeros(count, 3), torch.full((count,), 7.0))):
        belief = fit(x, y)
        points = torch.randn(5, 3, generator=seed())
        assert belief.draw(4, generator=seed())(points).loc.isfinite().all()
        assert belief.noise > 0
        assert belief.c > 0


def test_images_and_the_scale_of_a_pool_are_taken():
    pool = torch.rand(50, 1, 4, 4, generator=seed())
    x, y = pool[:10], pool[:10].sum((1, 2, 3))
    belief = fit(x, y, scale=Standardise.of(pool, torch.float64))
    assert "mixes" in repr(belief)
    check_posterior(belief, pool[10:18])
    with pytest.raises(ValueError, match="the network fails on points of shape"):
        belief.mean(torch.rand(3, 7))


def test_the_state_saves_all_numbers_and_hypotheses_travel():
    x, y = table()
    belief = fit(x, y)
    state = belief.state
    assert {"c", "shift", "scale", "noise", "head.weight", "side.1.0.weight"} <= set(state)
    assert all(not value.requires_grad for value in state.values())
    hypotheses = belief.draw(2, generator=seed())
    assert torch.equal(pickle.loads(pickle.dumps(hypotheses))(x).loc, hypotheses(x).loc)
    assert belief.embed(x).shape == (len(x), 32)
    single = belief.draw(1, generator=seed())(x)
    assert isinstance(single, Normal)
    assert single.batch_shape == (12, 1)
    assert belief.draw(2, generator=seed())(x[:0]).batch_shape == (0, 2)
    assert belief.covariance(x[:0], x).shape == (0, 12)


def test_a_gradient_flows_to_the_points_that_ask_for_one():
    belief = fit(*table())
    x = torch.randn(4, 3, generator=seed(), requires_grad=True)
    (belief.mean(x) + belief.sd(x) + belief.covariance(x, x).sum(1)).sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()
    again = x.detach().requires_grad_()
    belief.draw(3, generator=seed())(again).loc.sum().backward()
    assert again.grad is not None
    assert not belief.mean(x.detach()).requires_grad


def test_a_readout_that_is_tuned_is_one_of_those_tried():
    x, y = table()
    belief = fit(x, y, calibration=NOMUCalibration(tune=True, readout=Readout(0.1, 1.0, piecewise=True)))
    assert (belief.sd(x) > 0).all()


def test_what_left_out_points_show_is_label_less_prediction():
    network = TINY.network(*(values / 100 for values in table()), Box.around(table()[0]), joint=False, generator=seed())
    x, y = (values / 100 for values in table())
    residuals, raw = beyond(network, x, y)
    torch.testing.assert_close(residuals, y - network.predict(x))
    assert raw.shape == (12,)


def test_bad_input_is_refused_in_a_sentence():
    x, y = table()
    with pytest.raises(ValueError, match="points with a label each, but there are 12 and 3"):
        fit(x, y[:3])
    with pytest.raises(ValueError, match="points with a label each, but there are 0"):
        fit(x[:0], y[:0])
    with pytest.raises(ValueError, match="one amount a point, but there are 2; use one NOMU for each"):
        fit(x, torch.stack([y, y], 1))
    with pytest.raises(ValueError, match="1 of 12 points hold NaN"):
        fit(x.index_fill(0, torch.tensor([2]), torch.nan), y)
    with pytest.raises(ValueError, match="'features', 'independent' or 'shared', but it is 'none'"):
        fit(x, y, dependence="none")
    belief = fit(x, y)
    with pytest.raises(ValueError, match="at least one hypothesis"):
        belief.draw(0, generator=seed())
    with pytest.raises(ValueError, match="1 of 12 points hold NaN"):
        belief.mean(x.index_fill(0, torch.tensor([2]), torch.nan))
    with pytest.raises(ValueError, match="c and scale must be positive"):
        belief.with_c(0.0)
    with pytest.raises(ValueError, match="one tensor, but these are a mapping"):
        belief.mean({"x": x})
    with pytest.raises(ValueError, match="trained for the SquaredLoss, but the loss is CrossEntropy"):
        NOMU.on(MLP(3, 1), x, y, loss=CrossEntropy(), generator=seed())
    with pytest.raises(ValueError, match="at least 2 folds"):
        NOMUCalibration(folds=1)
    with pytest.raises(ValueError, match="num_artificial is 0"):
        NOMUTraining(num_artificial=0)
