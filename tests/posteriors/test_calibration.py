"""c and the noise by the largest density, against closed forms, grids and a known truth; and box and descent."""

import math

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Normal

from bayesal.networks import Standardise
from bayesal.networks.nomu import Readout
from bayesal.posteriors.nomu_parts.artificial import Box
from bayesal.posteriors.nomu_parts.calibration import c_of_width, calibrate, readouts
from bayesal.posteriors.nomu_parts.descent import Descent


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def sample(count: int, c: float = 1.0, noise: float = 0.0, number: int = 0) -> tuple[Tensor, Tensor]:
    raw = torch.rand(count, generator=seed(number), dtype=torch.float64)
    sd = (c**2 * Readout()(raw).square() + noise).sqrt()
    return torch.randn(count, generator=seed(number + 1), dtype=torch.float64) * sd, raw


def density(residuals: Tensor, raw: Tensor, c: float, noise: float) -> float:
    sd = (c**2 * Readout()(raw).square() + noise).sqrt()
    return -Normal(0.0, sd).log_prob(residuals).mean().item()


def test_without_noise_c_is_the_closed_form_and_the_best_of_a_grid():
    residuals, raw = sample(50, c=3.0)
    found = calibrate(residuals, raw, [Readout()], noise=0.0)
    assert found.c == pytest.approx((residuals / Readout()(raw)).square().mean().sqrt().item())
    assert found.noise == 0
    grid = torch.logspace(-2, 2, 4001).tolist()
    best = min(grid, key=lambda c: density(residuals, raw, c, 0.0))
    assert found.c == pytest.approx(best, rel=2e-3)
    assert found.nlpd == pytest.approx(density(residuals, raw, found.c, 0.0))


@pytest.mark.parametrize("given", ["noise", "c"])
def test_what_is_given_is_kept_and_the_other_is_the_best_of_a_grid(given: str):
    residuals, raw = sample(80, c=2.0, noise=0.3)
    found = calibrate(residuals, raw, [Readout()], **{given: 0.3 if given == "noise" else 2.0})
    assert getattr(found, given) == (0.3 if given == "noise" else 2.0)
    grid = torch.logspace(-3, 1, 401).tolist()
    costs = [density(residuals, raw, *((v, 0.3) if given == "noise" else (2.0, v))) for v in grid]
    assert found.nlpd <= min(costs) + 1e-9
    assert calibrate(residuals, raw, [Readout()], c=2.0, noise=0.3).nlpd == pytest.approx(
        density(residuals, raw, 2.0, 0.3)
    )


def test_with_nothing_given_both_are_found_again_and_are_the_best_of_a_grid():
    residuals, raw = sample(4_000, c=2.0, noise=0.3)
    found = calibrate(residuals, raw, [Readout()])
    assert found.c == pytest.approx(2.0, rel=0.15)
    assert found.noise == pytest.approx(0.3, rel=0.15)
    residuals, raw = sample(40, c=2.0, noise=0.3)
    found = calibrate(residuals, raw, [Readout()])
    best = min(density(residuals, raw, c, s) for c in torch.linspace(0.05, 5, 40) for s in torch.linspace(0.01, 2, 40))
    assert found.nlpd <= best + 1e-3


def test_a_perfect_guess_does_not_make_c_zero():
    raw = torch.rand(5, generator=seed())
    for noise in (None, 0.0):
        found = calibrate(torch.zeros(5), raw, [Readout()], noise=noise)
        assert found.c >= 1e-3
        assert math.isfinite(found.nlpd)


def test_the_readout_is_chosen_by_density_too():
    raw = torch.rand(4000, generator=seed(), dtype=torch.float64) * 3
    truth = Readout(0.8, 10.0)
    residuals = torch.randn(4000, generator=seed(1), dtype=torch.float64) * truth(raw)
    found = calibrate(residuals, raw, readouts(), noise=0.0)
    assert found.readout.smallest == pytest.approx(0.8)
    assert found.c == pytest.approx(1.0, rel=0.2)
    assert all(readout.piecewise for readout in readouts(piecewise=True))


def test_c_of_a_width_gives_that_width():
    sd = torch.tensor([0.1, 0.3])
    assert c_of_width(sd, 0.5) * 2 * sd.mean().item() == pytest.approx(0.5)


def test_nothing_to_calibrate_with_is_refused():
    nothing = torch.zeros(0)
    with pytest.raises(ValueError, match="no points to calibrate with"):
        calibrate(nothing, nothing, [Readout()])
    with pytest.raises(ValueError, match="finite residuals"):
        calibrate(torch.tensor([math.nan]), torch.ones(1), [Readout()])
    with pytest.raises(ValueError, match="at least 0, but it is -1"):
        calibrate(torch.ones(1), torch.ones(1), [Readout()], noise=-1.0)


def test_the_box_is_the_range_and_a_twentieth_on_either_side():
    points = torch.tensor([[0.0, 5.0, 1.0], [10.0, 5.0, 3.0]])
    box = Box.around(points)
    torch.testing.assert_close(box.low, torch.tensor([-0.5, 5.0, 0.9]))
    torch.testing.assert_close(box.high, torch.tensor([10.5, 5.0, 3.1]))
    drawn = box.draw(4000, generator=seed())
    assert ((drawn >= box.low) & (drawn <= box.high)).all()
    assert drawn.amin(0)[0] < -0.4
    assert drawn.amax(0)[0] > 10.4
    torch.testing.assert_close(box.unit(points)[:, [0, 2]], torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))
    torch.testing.assert_close(box.through(box.unit).high[[0, 2]], torch.tensor([1.1, 1.1]))


def test_a_single_point_has_a_box_too_and_a_pool_widens_it():
    point = torch.tensor([[2.0, 0.0]])
    torch.testing.assert_close(Box.around(point).low, torch.tensor([0.9, -1.1]))
    widened = Box.around(torch.tensor([[1.0, 0.0]]), least=2.0)
    torch.testing.assert_close(widened.low, torch.tensor([-2.2, 0.0]))
    torch.testing.assert_close(widened.high, torch.tensor([2.2, 0.0]))


def test_in_many_dimensions_artificial_points_are_mixes_with_data_and_it_says_so():
    data = torch.randn(5, 40, generator=seed())
    box = Box.around(data)
    assert "mixes" in str(box)
    assert "uniform" in str(Box.around(data, mixed=False))
    distances = torch.cdist(box.draw(500, generator=seed()), data).amin(1)
    alone = torch.cdist(Box.around(data, mixed=False).draw(500, generator=seed()), data).amin(1)
    assert distances.min() < 0.1 * alone.min()
    assert distances.median() < 0.8 * alone.median()
    other = box.beside(data[:1]).draw(3, generator=seed())
    assert other.shape == (3, 40)


def test_a_box_the_wrong_way_round_is_refused():
    low, high, points = torch.zeros(2), torch.ones(2), torch.zeros(3, 2)
    assert torch.equal(Box.between(low, high, points).high, high)
    for one, other in ((high, low), (low, low), (low, torch.ones(3))):
        with pytest.raises(ValueError, match="two points of the inputs' shape"):
            Box.between(one, other, points)


def run(descent: Descent, num_points: int = 7, scale: float = 1.0) -> tuple[nn.Parameter, list[float], list[int]]:
    weight, sizes = nn.Parameter(torch.tensor([3.0])), []

    def objective(positions: Tensor) -> Tensor:
        sizes.append(len(positions))
        return (scale * (weight - 1)).square().sum() * len(positions)

    return weight, descent.run([([weight], descent.l2)], objective, num_points, generator=seed(), what="test"), sizes


def test_the_weights_end_as_they_were_in_the_best_epoch():
    weight, losses, _ = run(Descent(epochs=40, learning_rate=0.9, l2=0.0))
    assert losses[-1] > min(losses)
    assert 7 * (weight.item() - 1) ** 2 == pytest.approx(min(losses), abs=1e-6)


def test_batches_are_as_equal_as_can_be_and_never_none():
    assert run(Descent(epochs=1, batch_size=3))[2] == [3, 2, 2]
    assert run(Descent(epochs=1, batch_size=100))[2] == [7]


def test_the_penalty_is_lambda_times_the_squared_length():
    weight, losses, _ = run(Descent(epochs=800, learning_rate=0.02, l2=7.0))
    assert weight.item() == pytest.approx(0.5, abs=1e-2)  # the least of 7 (w - 1)² + 7 w²
    assert losses[-1] == pytest.approx(3.5, rel=1e-3)
    with pytest.raises(ValueError, match="diverged: the loss of epoch 0"):
        run(Descent(), scale=1e30)
    with pytest.raises(ValueError, match="epochs must be at least 1"):
        Descent(epochs=0)
    with pytest.raises(ValueError, match="learning_rate must be positive"):
        Descent(learning_rate=0.0)


def test_a_layer_between_box_and_points_is_applied_to_all_of_it():
    data = torch.randn(5, 12, generator=seed())
    layer = Standardise.of(data)
    box = Box.around(data).through(layer)
    assert box.mixed is not None
    torch.testing.assert_close(box.mixed, layer(data))
    torch.testing.assert_close(box.low, layer(Box.around(data).low))
