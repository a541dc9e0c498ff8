"""Gradients read off layers, against one backward pass a point."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules import module as modules

from bayesal.numerics.autodiff import gradients_by_point, per_point_gradients
from bayesal.numerics.gradients import PointGradients
from tests.numerics.toy_networks import NETWORKS, made


def entropy(outputs: Tensor) -> Tensor:
    return -(outputs.softmax(1) * outputs.log_softmax(1)).sum(1)


def one_by_one(network: nn.Module, points: Tensor, objective=entropy) -> dict[str, Tensor]:
    """A backward pass for each point, through the network itself."""
    rows = []
    for point in points:
        network.zero_grad(set_to_none=True)
        objective(network(point[None])).sum().backward()
        rows.append([torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in network.parameters()])
    network.zero_grad(set_to_none=True)
    names = [name for name, _ in network.named_parameters()]
    return {name: torch.stack(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def gradients_of(network: nn.Module) -> PointGradients:
    state = {name: value.detach() for name, value in network.named_buffers()}
    state |= {name: value.detach().requires_grad_() for name, value in network.named_parameters()}
    return PointGradients(lambda state, inputs: functional_call(network, state, (inputs,)), state)


@pytest.mark.parametrize("name", NETWORKS)
def test_norms_and_rows_are_those_of_one_backward_pass_a_point(name: str) -> None:
    network, points = made(name)
    expected = one_by_one(copy.deepcopy(network), points)
    gradients = gradients_of(network)
    found = gradients(points).gradients(entropy)
    norms = found.squared_norms()
    for own, value in expected.items():
        exact = value.flatten(1).square().sum(1)
        seen = norms.get(own, torch.zeros(7, dtype=torch.float64))
        torch.testing.assert_close(seen, exact, rtol=1e-12, atol=1e-14)
    rows = torch.cat(list(found.rows(gradients.names)), 1)
    kept = torch.cat([value.flatten(1) for own, value in expected.items() if own in norms], 1)
    torch.testing.assert_close(rows, kept, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NETWORKS)
def test_float32_is_close_to_float64(name: str) -> None:
    norms = {}
    for dtype in (torch.float32, torch.float64):
        network, points = made(name, dtype)
        norms[dtype] = gradients_of(network)(points).gradients(entropy).squared_norms()
    for own, exact in norms[torch.float64].items():
        torch.testing.assert_close(norms[torch.float32][own], exact, rtol=2e-4, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("mlp", {"0.weight", "2.weight"}),
        ("convolutions", {"0.weight", "2.weight", "5.weight", "8.weight"}),
        ("signals", {"0.weight", "5.weight", "8.weight"}),  # not the circular one
        ("tied", {"first.weight", "head.weight"}),
        ("used twice", {"layer.weight", "head.weight"}),
        ("also by hand", {"head.weight"}),
        ("tokens", {"narrow.weight", "wide.weight", "head.weight"}),
        ("branches", {"head.weight"}),
        ("subclass", {"2.weight"}),
        ("unfolded", {"2.weight"}),
    ],
)
def test_weights_are_read_off_layers_wherever_layers_tell_all(name: str, layers: set[str]) -> None:
    network, points = made(name)
    assert set(gradients_of(network)(points).gradients(entropy).products) == layers


def test_a_head_nobody_asks_is_skipped() -> None:
    network, points = made("used twice")
    found = gradients_of(network)(points).gradients(entropy)
    assert not {"idle.weight", "idle.bias"} & {*found.products, *found.written}


def test_several_objectives_share_one_forward_pass() -> None:
    network, points = made("convolutions")
    calls = []

    def forward(state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        calls.append(len(inputs))
        return functional_call(network, state, (inputs,))

    gradients = PointGradients(forward, gradients_of(network).state)
    run = gradients(points)
    for c in range(3):
        objective = partial(lambda outputs, c: outputs[:, c], c=c)
        expected = one_by_one(copy.deepcopy(network), points, objective)
        for name, norms in run.gradients(objective).squared_norms().items():
            torch.testing.assert_close(norms, expected[name].flatten(1).square().sum(1), rtol=1e-12, atol=1e-14)
    assert calls == [7, 1, 7]  # the pass, then the checks
    gradients(points[:4])
    assert calls == [7, 1, 7, 4]


def test_an_output_that_comes_later_has_its_own_part_of_the_weights() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Linear(3, 1), nn.Linear(3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat([self.one(x), self.two(x)], 1)

    network, points = Heads().double(), torch.ones(2, 3, dtype=torch.float64)
    run = gradients_of(network)(points)
    first, second = (run.gradients(partial(lambda z, c: z[:, c], c=c)).squared_norms() for c in range(2))
    assert first["one.weight"].tolist() == second["two.weight"].tolist() == pytest.approx([3.0, 3.0])
    assert first["two.weight"].tolist() == second["one.weight"].tolist() == [0.0, 0.0]


def test_gradients_of_points_that_are_nearly_certain_are_not_lost_in_float32() -> None:
    network, points = made("convolutions", torch.float32)
    run = gradients_of(network)(points)
    small, plain = (run.gradients(lambda z, s=s: s * z.sum(1)).squared_norms() for s in (1e-25, 1.0))
    for name, norms in small.items():
        torch.testing.assert_close(norms * 1e50, plain[name], rtol=1e-4, atol=0)


def test_a_function_without_modules_is_differentiated_too() -> None:
    def forward(state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return torch.tanh(inputs @ state["w"]) @ state["v"] + state["shift"]

    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = {"w": torch.randn(4, 5), "v": torch.randn(5, 2), "shift": torch.ones(2)}
        points = torch.randn(6, 4).double()
    state = {name: value.double().requires_grad_(name != "shift") for name, value in state.items()}
    hidden = torch.tanh(points @ state["w"].detach())
    delta = (1 - hidden.square()) * state["v"].detach().sum(1)  # of the sum of outputs
    norms = PointGradients(forward, state)(points).gradients(lambda z: z.sum(1)).squared_norms()
    assert set(norms) == {"w", "v"}
    torch.testing.assert_close(norms["w"], delta.square().sum(1) * points.square().sum(1), rtol=1e-12, atol=0)
    torch.testing.assert_close(norms["v"], 2 * hidden.square().sum(1), rtol=1e-12, atol=0)
    rows = per_point_gradients(forward, state, points, lambda z: z.sum(1))
    assert rows.shape == (6, 30)
    torch.testing.assert_close(rows[:, 20:], hidden.repeat_interleave(2, 1), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["mlp", "branches"])
def test_point_by_point_is_one_backward_pass_a_point_with_and_without_vmap(name: str) -> None:
    network, points = made(name)
    calls = []

    def forward(state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        calls.append(1)
        return functional_call(network, state, (inputs,))

    state = gradients_of(network).state
    found = gradients_by_point(forward, state, points, entropy, list(state))
    assert (len(calls) == 1) == (name == "mlp")
    for own, exact in one_by_one(copy.deepcopy(network), points).items():
        torch.testing.assert_close(found[own], exact, rtol=1e-12, atol=1e-14)


def test_named_inputs_and_arrays_are_points_too() -> None:
    network, points = made("mlp")
    state = gradients_of(network).state

    def forward(state: dict[str, Tensor], inputs: dict[str, Tensor]) -> Tensor:
        return functional_call(network, state, (inputs["x"] * inputs["sign"][:, None],))

    named = {"x": points.numpy(), "sign": np.ones(7)}
    norms = PointGradients(forward, state)(named).gradients(entropy).squared_norms()
    expected = gradients_of(network)(points.numpy()).gradients(entropy).squared_norms()
    assert all(torch.equal(norms[name], value) for name, value in expected.items())
    with pytest.raises(ValueError, match=r"tensors or arrays .* but there is a str"):
        gradients_of(network)(["a", "b"])


def test_points_that_see_each_other_have_no_gradient_of_their_own() -> None:
    network = nn.Sequential(nn.Linear(4, 3), Centred()).double()
    with pytest.raises(ValueError, match="a point alone gives other outputs than among others"):
        gradients_of(network)(torch.eye(4).double()).gradients(entropy)


class Centred(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


def test_bad_functions_get_a_sentence() -> None:
    network, points = made("mlp")
    state = gradients_of(network).state
    with pytest.raises(ValueError, match=r"none of the 3 tensors of the state requires a gradient"):
        PointGradients(lambda state, x: x, {name: value.detach() for name, value in state.items()})
    with pytest.raises(ValueError, match="outputs are NaN or infinite for 1 of 7 points"):
        PointGradients(lambda state, x: functional_call(network, state, (x,)), state)(
            points.index_fill(0, torch.tensor([2]), torch.inf)
        )
    with pytest.raises(ValueError, match="does not depend on what is trained"):
        PointGradients(lambda state, x: x, state)(points)
    with pytest.raises(ValueError, match=r"must give outputs \(N, C\), but it gave torch.float64 of shape \(7,\)"):
        PointGradients(lambda state, x: network(x)[:, 0], state)(points)


def test_nothing_is_left_hooked_and_the_network_is_as_before() -> None:
    network, points = made("convolutions")
    before = copy.deepcopy(network.state_dict())
    gradients_of(network)(points).gradients(entropy)
    with pytest.raises(RuntimeError):
        gradients_of(network)(points[:, :1])
    assert not modules._global_forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
