"""The perceptron in NTK parametrisation is its formula; its linear layers see what the gradient kernel is made of."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bayesal.learning.together import stackable
from bayesal.networks import NTKMLP

GAINS = {"weight_gain": 0.7, "bias_gain": 0.3}


@pytest.fixture
def network() -> NTKMLP:
    """A small one in float64 whose biases are no longer 0."""
    network = NTKMLP(3, 2, hidden=(5, 4), **GAINS).double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(generator=Generator().manual_seed(1))
    return network


def points(n: int) -> Tensor:
    return torch.randn(n, 3, generator=Generator().manual_seed(0), dtype=torch.float64)


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]


def by_hand(network: NTKMLP, inputs: Tensor) -> tuple[np.ndarray, list[np.ndarray]]:
    """Outputs, and x̃_l of every layer."""
    a, wide = inputs.numpy(), []
    for number, layer in enumerate(linear_layers(network)):
        matrix = layer.weight.detach().numpy()
        weight, bias = matrix[:, :-1], matrix[:, -1]
        z = GAINS["weight_gain"] / math.sqrt(a.shape[1]) * a @ weight.T + GAINS["bias_gain"] * bias
        wide.append(
            np.hstack([GAINS["weight_gain"] / math.sqrt(a.shape[1]) * a, np.full((len(a), 1), GAINS["bias_gain"])])
        )
        a = z if number == 2 else np.maximum(z, 0)
    return a, wide


def test_the_network_is_the_formula(network: NTKMLP) -> None:
    np.testing.assert_allclose(network(points(6)).detach().numpy(), by_hand(network, points(6))[0], rtol=1e-12)


def test_linear_layers_see_scaled_activations_and_the_bias_gain(network: NTKMLP) -> None:
    seen: list[Tensor] = []
    for layer in linear_layers(network):
        layer.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].detach()))
    network(points(6))
    for recorded, expected in zip(seen, by_hand(network, points(6))[1], strict=True):
        np.testing.assert_allclose(recorded.numpy(), expected, rtol=1e-12)


def test_the_gradient_kernel_is_the_sum_over_layers_of_products_of_inner_products(network: NTKMLP) -> None:
    rows = []
    for point in points(4):
        gradients = torch.autograd.grad(network(point[None])[0, 0], list(network.parameters()))
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    jacobian = torch.stack(rows)

    seen: list[Any] = []
    for layer in linear_layers(network):
        layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    outputs = network(points(4))
    gradients = torch.autograd.grad(outputs[:, 0].sum(), [output for _, output in seen])
    kernel = sum((x @ x.T) * (g @ g.T) for (x, _), g in zip(seen, gradients, strict=True))
    assert isinstance(kernel, Tensor)
    torch.testing.assert_close(kernel, jacobian @ jacobian.T, rtol=1e-12, atol=1e-14)


def test_weights_start_as_standard_normal_numbers_and_biases_as_zero() -> None:
    torch.manual_seed(0)
    for layer in linear_layers(NTKMLP(40, 30, hidden=(200,))):
        weight, bias = layer.weight.detach()[:, :-1], layer.weight.detach()[:, -1]
        assert abs(float(weight.mean())) < 0.05
        assert abs(float(weight.std()) - 1) < 0.05
        assert not bias.any()
        assert layer.bias is None


def test_the_defaults_are_those_of_the_paper() -> None:
    widths = [tuple(layer.weight.shape) for layer in linear_layers(NTKMLP(10, 1))]
    assert widths == [(512, 11), (512, 513), (1, 513)]
    torch.testing.assert_close(NTKMLP(4, 1).layers[0](torch.ones(1, 4)), torch.tensor([[0.1, 0.1, 0.1, 0.1, 0.2]]))


def test_without_hidden_layers_it_is_linear_and_images_are_flattened() -> None:
    network = NTKMLP(12, 3, hidden=())
    assert network(torch.zeros(2, 3, 4)).shape == (2, 3)
    assert network(torch.zeros(0, 12)).shape == (0, 3)
    one, other = torch.randn(2, 5, 12, generator=Generator().manual_seed(0))
    torch.testing.assert_close(network(one + other) + network(torch.zeros(5, 12)), network(one) + network(other))


def test_vmap_over_states_is_the_loop() -> None:
    networks = [NTKMLP(3, 2, hidden=(4,)) for _ in range(3)]
    seen = points(5).float()

    def said(state: dict[str, Tensor]) -> Tensor:
        return functional_call(networks[0], state, (seen,))

    stacked = vmap(said)(stack_module_state(networks)[0])
    torch.testing.assert_close(stacked, torch.stack([network(seen) for network in networks]))


def test_several_can_be_trained_as_one() -> None:
    assert stackable([NTKMLP(3, 1), NTKMLP(3, 1)])


def test_points_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"takes 12 numbers a point, but the points have shape \(5,\)"):
        NTKMLP(12, 3)(torch.zeros(2, 5))


@pytest.mark.parametrize("gain", [-0.1, math.nan, math.inf])
def test_gains_that_are_no_gains_are_refused(gain: float) -> None:
    with pytest.raises(ValueError, match="weight_gain must be a number of at least 0"):
        NTKMLP(3, 1, weight_gain=gain)
    with pytest.raises(ValueError, match="bias_gain must be a number of at least 0"):
        NTKMLP(3, 1, bias_gain=gain)
