"""Soft spectral normalisation against singular values of the whole operator, and what becomes of the layers."""

import copy
import pickle
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

from bayesal.learning import CrossEntropy, Examples, Streams, Training, minimise
from bayesal.networks import ResidualCNN, ResidualMLP, Standardise, soft_spectral_norm
from bayesal.posteriors.frozen import frozen_copy


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def stretch(layer: nn.Module, shape: tuple[int, ...]) -> float:
    """The largest singular value of the layer as a matrix, by the singular values of its Jacobian."""
    layer.eval()
    jacobian = jacrev(lambda x: layer(x[None])[0])(torch.zeros(shape))
    assert isinstance(jacobian, Tensor)
    return float(torch.linalg.matrix_norm(jacobian.detach().reshape(-1, torch.Size(shape).numel()), 2))


LAYERS = {
    "linear": (lambda: nn.Linear(6, 9), (6,)),
    "convolution": (lambda: nn.Conv2d(2, 3, 3, padding=1), (2, 5, 6)),
    "stride and dilation": (lambda: nn.Conv2d(4, 6, 2, stride=2, dilation=2, groups=2), (4, 7, 8)),
    "circular": (lambda: nn.Conv1d(2, 3, 3, padding="same", padding_mode="circular"), (2, 7)),
    "volumes": (lambda: nn.Conv3d(1, 2, 2), (1, 3, 4, 3)),
}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("scale", [0.05, 20.0])
def test_a_layer_is_shrunk_to_the_bound_only_if_it_stretches_more(kind: str, scale: float) -> None:
    make, shape = LAYERS[kind]
    layer = make()
    layer.weight.data.mul_(scale)
    before, plain = stretch(layer, shape), copy.deepcopy(layer)
    x = torch.randn(4, *shape)
    soft_spectral_norm(layer, 3.0, points=x)
    for _ in range(300):
        layer.train()(x)
    assert stretch(layer, shape) == pytest.approx(min(before, 3.0), rel=1e-3)
    shrink = max(1.0, before / 3)
    bias = plain.bias.reshape(-1, *[1] * (len(shape) - 1)) if len(shape) > 1 else plain.bias
    torch.testing.assert_close(layer.eval()(x), (plain(x) - bias) / shrink + bias, rtol=2e-3, atol=2e-3)


def test_power_iteration_is_for_training_only() -> None:
    layer = soft_spectral_norm(nn.Linear(30, 40), 0.1)
    before = layer.get_buffer("right").clone()
    layer.eval()(torch.randn(3, 30))
    assert torch.equal(layer.get_buffer("right"), before)
    layer.train()(torch.randn(3, 30))
    assert not torch.equal(layer.get_buffer("right"), before)


def test_the_gradient_is_that_of_the_weight_over_its_norm() -> None:
    layer = soft_spectral_norm(nn.Linear(5, 4, dtype=torch.float64), 0.3)
    for _ in range(200):
        layer.train()(torch.zeros(1, 5, dtype=torch.float64))
    x = torch.randn(3, 5, dtype=torch.float64)
    layer.eval()(x).square().sum().backward()

    def exact(weight: Tensor) -> Tensor:
        bounded = weight / (torch.linalg.matrix_norm(weight, 2) / 0.3)
        return (x @ bounded.mT + layer.bias).square().sum()

    torch.testing.assert_close(layer.weight.grad, jacrev(exact)(layer.weight.detach()), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("gamma", [0.1, 50.0])
def test_batch_normalisation_stretches_no_channel_beyond_the_bound(gamma: float, affine: bool) -> None:
    layer = nn.BatchNorm2d(3, affine=affine)
    assert layer.running_var is not None
    layer.running_var.copy_(torch.tensor([1.0, 4.0, 0.01]))
    if affine:
        layer.weight.data.copy_(torch.tensor([gamma, -gamma, gamma / 10]))
        layer.bias.data.fill_(0.7)
    before = stretch(layer, (3, 2, 2))
    at_zero = layer(torch.zeros(1, 3, 2, 2))
    soft_spectral_norm(layer, 3.0)
    assert layer.momentum == 0.01
    assert stretch(layer, (3, 2, 2)) == pytest.approx(min(before, 3.0), rel=1e-5)
    torch.testing.assert_close(layer(torch.zeros(1, 3, 2, 2)), at_zero)  # the shift is no stretch
    layer.train()(torch.full((4, 3, 2, 2), 1.0) * torch.arange(4.0)[:, None, None, None])
    assert layer.running_mean is not None
    torch.testing.assert_close(layer.running_mean, torch.full((3,), 0.015))


def networks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    table = nn.Sequential(OrderedDict(standardise=Standardise(torch.zeros(5), torch.ones(5)), n=ResidualMLP(5, 3)))
    normed = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    return {"table": (table, (5,)), "images": (ResidualCNN(3), (1, 8, 8)), "normed": (normed, (1, 8, 8))}


@pytest.mark.parametrize("kind", ["table", "images", "normed"])
def test_bounded_networks_are_trained_copied_pickled_and_vectorised(kind: str) -> None:
    network, shape = networks()[kind]
    x, y = torch.randn(40, *shape), torch.arange(40) % 3
    names = [name for name, _ in network.named_parameters()]
    soft_spectral_norm(network, 1.0, points=x)
    assert [name for name, _ in network.named_parameters()] == names
    start = [p.detach().clone() for p in network.parameters()]
    streams = Streams.of(torch.Generator().manual_seed(0))
    training = Training(max_epochs=8, epoch_size=80, learning_rate=3e-3, progress=False)
    fit = minimise([network], CrossEntropy(), Examples(x, y), streams=[streams], training=training)[0]
    assert fit.losses[-1] < fit.losses[0]
    assert all(not torch.equal(old, new) for old, new in zip(start, network.parameters(), strict=True))
    expected = network.eval()(x)
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network)), frozen_copy(network)):
        assert torch.equal(copied(x), expected)
    assert not any(p.requires_grad for p in frozen_copy(network).parameters())
    last = [name for name in names if name.endswith("bias")][-1]
    states = {last: torch.randn(4, 3)}
    with torch.no_grad():
        several = vmap(lambda state: functional_call(network, state, (x,)), out_dims=1)(states)
        own = expected.detach() - network.get_parameter(last)
    torch.testing.assert_close(several, own[:, None] + states[last], rtol=1e-4, atol=1e-5)


def test_other_layers_are_left_alone_and_a_shared_layer_is_bounded_once() -> None:
    shared = nn.Linear(4, 4)
    network = soft_spectral_norm(nn.Sequential(shared, nn.LayerNorm(4), shared, nn.PReLU()), 2.0)
    assert [type(module).__name__ for module in network] == ["BoundedLinear", "LayerNorm", "BoundedLinear", "PReLU"]
    assert network[0] is network[2]


def test_layers_of_zeros_stay_zeros() -> None:
    layer = nn.Linear(3, 2)
    nn.init.zeros_(layer.weight)
    torch.testing.assert_close(soft_spectral_norm(layer, 1.0)(torch.randn(2, 3)), layer.bias.expand(2, 2))


def test_what_cannot_be_bounded_is_refused_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="must be positive, but it is 0"):
        soft_spectral_norm(nn.Linear(2, 2), 0.0)
    with pytest.raises(ValueError, match="no linear layer or convolution"):
        soft_spectral_norm(nn.Sequential(nn.ReLU()))
    with pytest.raises(ValueError, match=r"convolution \(0\) depends on the size"):
        soft_spectral_norm(nn.Sequential(nn.Conv2d(1, 1, 3)))
    with pytest.raises(ValueError, match="keeps none"):
        soft_spectral_norm(nn.BatchNorm1d(3, track_running_stats=False))
    with pytest.raises(ValueError, match="12 numbers a point"):
        ResidualMLP(12)(torch.zeros(2, 5))


def test_residual_networks_give_features_without_outputs() -> None:
    assert ResidualMLP(12, width=7)(torch.zeros(2, 3, 4)).shape == (2, 7)
    assert ResidualCNN(channels=3, width=4)(torch.zeros(2, 3, 9, 4)).shape == (2, 16)
    assert ResidualMLP(12)(torch.zeros(0, 12)).shape == (0, 128)
