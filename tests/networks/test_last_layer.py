"""The layer a network ends in: by what is called, not by what is made; its inputs, with gradients."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.networks import MLP, SmallCNN, split_head
from bayesal.networks.last_layer import inputs_of, last_layer, outputs_and_features
from tests.networks.toys import HeadFirst


class Skipping(nn.Module):
    """What its last layer says is not all that it says."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.head(self.body(x))


class Twice(nn.Module):
    """One layer, asked twice."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x).relu())


def points(*shape: int, n: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=Generator().manual_seed(0))


def test_it_is_the_layer_that_is_called_last() -> None:
    assert last_layer(HeadFirst(), points(1, 8, 8)) == "head"
    assert last_layer(SmallCNN(), points(1, 8, 8)) == "11"
    assert last_layer(nn.Linear(4, 2), points(4)) == ""


def test_it_may_be_a_convolution_where_these_are_wanted() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 1))
    assert last_layer(network, points(1, 5, 5), (nn.Linear, nn.Conv2d)) == "2"
    with pytest.raises(ValueError, match=r"\(Sequential\) uses no nn.Linear that could be its last layer"):
        last_layer(network, points(1, 5, 5))


def test_a_network_is_left_as_it_was() -> None:
    network = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    last_layer(network, points(4))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not network[2]._forward_hooks


@pytest.mark.parametrize("after", [nn.Softmax(dim=1), nn.Flatten(0)])
def test_what_goes_on_after_it_is_refused(after: nn.Module) -> None:
    with pytest.raises(
        ValueError, match=r"output of the network \(Sequential\) is not that of its last nn.Linear \(0\)"
    ):
        last_layer(nn.Sequential(nn.Linear(3, 2), after), points(3))
    with pytest.raises(ValueError, match=r"\(Skipping\) is not that of its last nn.Linear \(head\)"):
        last_layer(Skipping(), points(3))


def test_a_layer_that_is_asked_twice_is_the_last_but_no_head() -> None:
    assert last_layer(Twice(), points(3)) == "layer"
    with pytest.raises(
        ValueError, match=r"\(Twice\) computes before its last nn.Linear \(layer\) is not a network of its"
    ):
        split_head(Twice(), points(3))


def test_what_it_sees_is_found_with_gradients_and_no_longer() -> None:
    network = MLP(4, 2, hidden=(8,))
    name = last_layer(network, points(4))
    head = network.get_submodule(name)
    outputs, features = outputs_and_features(network.eval(), name, points(4))
    assert torch.equal(outputs, head(features))
    assert features.requires_grad
    assert not head._forward_pre_hooks
    lone = nn.Linear(4, 2)
    assert torch.equal(outputs_and_features(lone, "", points(4))[1], points(4))


def test_the_inputs_of_a_layer_called_twice_are_the_last_ones() -> None:
    network, x = Twice(), points(3)
    with inputs_of(network, "layer") as seen:
        assert not seen
        network(x)
    torch.testing.assert_close(seen["layer"], network.layer(x).relu())
