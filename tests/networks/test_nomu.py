"""NOMU's network: what flows where in training, and the readout's numbers."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.learning.streams import seeded
from bayesal.networks.nomu import NOMUNetwork, Readout, side_network, start_uniformly


def network(joint: bool = False) -> NOMUNetwork:
    with seeded(0):
        return NOMUNetwork.of_widths(3, hidden=(8, 6), side=(5,), joint=joint).train()


def points() -> Tensor:
    return torch.randn(7, 3, generator=Generator().manual_seed(0))


def test_the_raw_uncertainty_is_linear_in_both_last_hidden_layers():
    own = network()
    prediction, raw, features = own(points())
    assert features.shape == (7, 6 + 5)
    expected = torch.cat([own.trunk(points()), own.side(points())], 1)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(raw, (expected @ own.raw.weight.T + own.raw.bias)[:, 0])
    assert torch.equal(prediction, own.predict(points()))


@pytest.mark.parametrize("joint", [False, True])
def test_the_uncertainty_trains_the_predictor_only_if_they_are_joint(joint: bool):
    own = network(joint)
    own(points()).raw.sum().backward()
    assert (next(own.trunk.parameters()).grad is not None) == joint
    assert own.head.weight.grad is None
    assert next(own.side.parameters()).grad is not None


def test_in_evaluation_mode_the_raw_uncertainty_can_be_differentiated_by_the_point_through_both():
    own = network().eval()
    x = points().requires_grad_()
    own(x).raw.sum().backward()
    half = points().requires_grad_()
    features = torch.cat([own.trunk(half).detach(), own.side(half)], 1)
    own.raw(features).sum().backward()
    assert not torch.equal(x.grad, half.grad)  # pyright: ignore


def test_the_uniform_start_is_within_its_limit_and_fills_it():
    own = network()
    with seeded(0):
        start_uniformly(own)
    weights = torch.cat([parameter.flatten() for parameter in own.parameters()])
    assert weights.abs().max() <= 0.05
    assert weights.abs().max() > 0.045
    assert weights.std().item() == pytest.approx(0.05 / 3**0.5, rel=0.15)


def test_a_first_layer_is_passed_by_both_networks():
    own = network().eval()
    before = own(points())
    own.first = nn.Flatten(1)
    after = own(points().reshape(7, 1, 3))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other)


def test_the_readout_has_the_numbers_worked_out_by_hand():
    raw = torch.tensor([-3.0, 0.0, 0.5, 1.0, 5.0], dtype=torch.float64)
    expected = torch.tensor([0.00099975, 0.00099975, 0.443177, 0.787545, 1.835912], dtype=torch.float64)
    torch.testing.assert_close(Readout()(raw), expected, atol=1e-6, rtol=0)


def test_the_piecewise_linear_readout_is_the_raw_value_within_its_bounds():
    readout = Readout(0.1, 2.0, piecewise=True)
    raw = torch.tensor([-3.0, 0.0, 0.1, 0.7, 2.0, 9.0])
    torch.testing.assert_close(readout(raw), raw.clamp(0.1, 2.0))


def test_bad_parts_are_refused():
    with pytest.raises(ValueError, match=r"one amount a point.* have 2 and 1"):
        NOMUNetwork(nn.Identity(), nn.Linear(3, 2), nn.Identity(), nn.Linear(6, 1))
    with pytest.raises(ValueError, match="at least one hidden layer"):
        side_network(3, ())
    with pytest.raises(ValueError, match="0 < smallest < largest"):
        Readout(0.0, 2.0)
    assert repr(Readout(0.1, 1.0, piecewise=True)) == "Readout(0.1, 1.0, piecewise=True)"
