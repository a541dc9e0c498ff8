"""SWAG: the card's numbers, the law of its draws, and statistics of normalisation that belong to the weights."""

import copy
from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.data import Pool
from bayesal.learning import GaussianLoss, SquaredLoss, Staged, Training
from bayesal.likelihoods import gaussian_with_noise
from bayesal.networks import MLP
from bayesal.posteriors import SWAG, WeightMoments
from bayesal.posteriors.points import Points
from bayesal.posteriors.swag import sgd
from bayesal.posteriors.weight_walks.batch_norm import recomputed
from bayesal.testing import check_posterior

WALK = Training(
    optimiser=sgd, learning_rate=0.05, weight_decay=0.0, batch_size=8, epoch_size=32, max_epochs=4, clip_norm=5.0
)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def scalar(value: float = 0.0) -> nn.Linear:
    layer = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    layer.weight.data.fill_(value)
    return layer


def weights(*values: float) -> list[dict[str, Tensor]]:
    return [{"weight": torch.tensor([[value]], dtype=torch.float64)} for value in values]


def normalised(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(), nn.Linear(6, 2)).to(dtype)


def table(n: int = 40) -> Pool:
    points = torch.randn(n, 3, generator=seed())
    return Pool.of(points, labels={i: int(points[i].sum() > 0) for i in range(0, n, 2)})


def walked(network: nn.Module, steps: int = 5, size: float = 0.1) -> WeightMoments:
    """The moments of weights that were moved at random."""
    moments, moved, generator = WeightMoments(network), copy.deepcopy(network), seed()
    for _ in range(steps):
        for parameter in moved.parameters():
            parameter.data += size * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
        moments.add(moved)
    return moments


def test_the_moments_of_1_2_4_are_the_cards() -> None:
    moments = WeightMoments.of(scalar(), weights(1, 2, 4), rank=2)
    torch.testing.assert_close(moments.mean, torch.tensor([7 / 3]).double())
    torch.testing.assert_close(moments.variance, torch.tensor([14 / 9]).double())
    torch.testing.assert_close(moments.deviations, torch.tensor([[0.5], [5 / 3]]).double())
    drawn = moments.draw(12_000, generator=seed())["weight"].flatten()
    assert abs(float(drawn.mean()) - 2.333333) < 4 * (2.291667 / 12_000) ** 0.5
    assert abs(float(drawn.var()) - 2.291667) < 0.12


@pytest.mark.parametrize("rank", [0, 1])
def test_fewer_than_two_columns_leave_the_whole_diagonal(rank: int) -> None:
    drawn = WeightMoments.of(scalar(), weights(1, 2, 4), rank=rank).draw(12_000, generator=seed())["weight"]
    assert abs(float(drawn.var()) - 14 / 9) < 0.08


def test_the_moments_are_those_of_the_whole_history() -> None:
    history = torch.randn(9, 4, 3, generator=seed()) + 100
    network = nn.Linear(3, 4, bias=False)
    moments = WeightMoments.of(network, [{"weight": theta} for theta in history], rank=3)
    flat = history.flatten(1).double()
    torch.testing.assert_close(moments.mean, flat.mean(0))
    torch.testing.assert_close(moments.variance, flat.var(0, correction=0))
    for row, t in enumerate((7, 8, 9)):
        torch.testing.assert_close(
            moments.deviations[row].double(), flat[t - 1] - flat[:t].mean(0), rtol=1e-4, atol=1e-5
        )


def test_functions_covary_over_points_as_the_weights_do() -> None:
    history = torch.randn(6, 1, 3, generator=seed(), dtype=torch.float64)
    network = nn.Linear(3, 1, bias=False, dtype=torch.float64)
    moments = WeightMoments.of(network, [{"weight": theta} for theta in history])
    x = torch.randn(4, 3, generator=seed(1), dtype=torch.float64)
    functions = SWAG(network, moments, gaussian_with_noise(1.0)).draw(10_000, generator=seed())(x).mean
    d = torch.stack([history[t, 0] - history[: t + 1, 0].mean(0) for t in range(6)])
    covariance = 0.5 * (history[:, 0].var(0, correction=0).diag() + d.T @ d / 5)
    expected = x @ covariance @ x.T
    assert (functions.mean(1) - x @ history[:, 0].mean(0)).abs().max() < 4 * (expected.max() / 10_000) ** 0.5
    assert (torch.cov(functions) - expected).abs().max() < 0.08 * expected.max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("make", [normalised, lambda dtype: MLP(3, 2).to(dtype)])
def test_it_keeps_the_laws_of_a_posterior(make: partial[nn.Module], dtype: torch.dtype) -> None:
    network, points = make(dtype).train(), torch.randn(30, 3, generator=seed(), dtype=dtype)
    belief = SWAG(network, walked(network), inputs=points)
    assert not [finding.sentence for finding in check_posterior(belief, points[:9]) if finding.warning]
    assert belief.draw(1, generator=seed())(points[:0]).batch_shape == (0, 1)


def test_every_draw_is_normalised_by_the_training_points_under_its_own_weights() -> None:
    network, points = normalised(torch.float64), 5 + 3 * torch.randn(40, 3, generator=seed(), dtype=torch.float64)
    before = copy.deepcopy(network.state_dict())
    states = walked(network).draw(3, generator=seed())
    seen = recomputed(network, states, Points.prepare(points, network))
    assert set(seen) == {"1.running_mean", "1.running_var"}
    for k in range(3):
        hidden = points @ states["0.weight"][k].T + states["0.bias"][k]
        torch.testing.assert_close(seen["1.running_mean"][k], hidden.mean(0))
        torch.testing.assert_close(seen["1.running_var"][k], hidden.var(0))
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
    hypotheses = SWAG(network, walked(network), inputs=points).draw(3, generator=seed())
    assert {"1.running_mean", "1.running_var"} < set(hypotheses.states)


def test_batches_of_the_pass_count_equally(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesal.posteriors.weight_walks.batch_norm.BATCH", 10)
    network, points = normalised(torch.float64), torch.randn(40, 3, generator=seed(), dtype=torch.float64)
    states = {"0.weight": network.get_parameter("0.weight").detach()[None]}
    seen = recomputed(network, states, Points.prepare(points, network))
    hidden = network[0](points).detach()
    torch.testing.assert_close(seen["1.running_mean"][0], hidden.mean(0))
    torch.testing.assert_close(seen["1.running_var"][0], hidden.unflatten(0, (4, 10)).var(1).mean(0))


def test_many_training_points_are_kept_as_a_bounded_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesal.posteriors.swag.SAMPLE", 16)
    network, points = normalised(), torch.randn(60, 3, generator=seed())
    belief = SWAG(network, walked(network), inputs=points)
    assert belief._points is not None
    assert torch.equal(belief._points.inputs, points[::4])
    check_posterior(belief, points[:8])


def test_later_collecting_and_training_change_nothing() -> None:
    network, points = MLP(3, 2), torch.randn(5, 3, generator=seed())
    moments = walked(network)
    belief = SWAG(network, moments)
    before = belief.draw(3, generator=seed())(points).logits
    moments.add(network)
    nn.init.zeros_(network.head.weight)
    assert torch.equal(belief.draw(3, generator=seed())(points).logits, before)
    assert belief.state["swag.deviations"].shape == (5, len(moments.mean))


@pytest.mark.parametrize("make", [partial(MLP, 3, 2), normalised])
def test_a_learned_belief_keeps_the_laws_and_its_network_is_left_alone(make: partial[nn.Module]) -> None:
    made: list[nn.Module] = []

    def fit(network: nn.Module, *given: Tensor, **settings: object) -> SWAG:
        made.append(network)
        before = copy.deepcopy(network.state_dict())
        belief = SWAG.fit(network, *given, training=WALK, **settings)  # pyright: ignore[reportArgumentType]
        assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
        assert not network.training
        return belief

    belief = Staged(make, fit, training=Training(epoch_size=32, max_epochs=2))(table(), seed())
    assert belief.moments.count == 4
    check_posterior(belief, torch.randn(8, 3, generator=seed()))
    again = Staged(make, fit, training=Training(epoch_size=32, max_epochs=2))(table(), seed())
    assert torch.equal(belief.moments.mean, again.moments.mean)


def test_on_conjugate_regression_it_walks_around_the_least_squares_fit() -> None:
    x = torch.randn(60, 3, generator=seed(), dtype=torch.float64)
    y = x @ torch.tensor([1.0, -2.0, 0.5]).double() + 0.3 * torch.randn(60, generator=seed(1), dtype=torch.float64)
    loss = SquaredLoss().fit(y)
    training = Training(
        optimiser=sgd, learning_rate=0.02, weight_decay=0.0, batch_size=6, epoch_size=60, max_epochs=60, patience=None
    )
    network = nn.Linear(3, 1, dtype=torch.float64)
    nn.init.zeros_(network.weight)
    belief = SWAG.fit(network, x, y, loss=loss, generator=seed(), training=training)
    with_ones = torch.cat([x, torch.ones(60, 1).double()], 1)
    fitted = with_ones @ torch.linalg.lstsq(with_ones, y[:, None]).solution[:, 0]
    functions = belief.draw(200, generator=seed())(x).mean
    assert (functions.mean(1) - fitted).abs().mean() < 0.15
    assert 0.005 < functions.std(1).mean() < 0.5


@pytest.mark.parametrize("labels", [{0: 1.0}, {0: 2.0, 1: 2.0, 2: 2.0}])
def test_tiny_sets_of_amounts_are_learned(labels: dict[int, float]) -> None:
    pool = Pool.of(torch.randn(9, 3, generator=seed()), labels=labels)
    quick = Training(epoch_size=8, max_epochs=1)
    fit = partial(SWAG.fit, training=WALK)
    belief = Staged(partial(MLP, 3, 2), fit, loss=GaussianLoss(), training=quick)(pool, seed())
    assert belief.draw(3, generator=seed())(torch.zeros(4, 3)).mean.isfinite().all()


def test_what_has_no_moments_is_refused() -> None:
    with pytest.raises(ValueError, match="the 2 collected weights are all the same"):
        SWAG(scalar(), WeightMoments.of(scalar(), weights(1, 1)))
    with pytest.raises(ValueError, match="the 0 collected weights"):
        SWAG(scalar(), WeightMoments(scalar()))
    with pytest.raises(ValueError, match=r"batch normalisation, .* give the training points"):
        SWAG(normalised(), walked(normalised()))
    with pytest.raises(ValueError, match="cannot be computed from 1 points: Expected more than 1 value"):
        SWAG(normalised(), walked(normalised()), inputs=torch.zeros(1, 3)).draw(2, generator=seed())
    with pytest.raises(ValueError, match=r"'weight' must have the shape \(1, 1\), but it is missing"):
        WeightMoments(scalar()).add({})
    with pytest.raises(ValueError, match="NaN or infinite"):
        WeightMoments(scalar()).add(scalar(float("nan")))
    with pytest.raises(ValueError, match="no parameters that need gradients"):
        WeightMoments(scalar().requires_grad_(False))
    with pytest.raises(ValueError, match="at least 0, but it is -1"):
        WeightMoments(scalar(), rank=-1)
    with pytest.raises(ValueError, match="at least one hypothesis"):
        SWAG(scalar(), WeightMoments.of(scalar(), weights(1, 2))).draw(0, generator=seed())


def test_a_single_epoch_and_a_walk_that_runs_away_are_refused() -> None:
    x, y = torch.randn(20, 3, generator=seed()), torch.randint(2, (20,), generator=seed())
    fit = partial(SWAG.fit, MLP(3, 2), x, y, generator=seed())
    loss = Staged(partial(MLP, 3, 2), SWAG.fit).loss
    with pytest.raises(ValueError, match="set max_epochs >= 2"):
        fit(loss=loss, training=Training(max_epochs=1))
    with pytest.raises(ValueError, match=r"NaN or infinite|diverged"):
        fit(loss=loss, training=Training(optimiser=sgd, learning_rate=1e30, max_epochs=3))
