"""What is looked at of a network: its stages, its head's inputs, and the loss module on top of them."""

from collections.abc import Callable

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal.networks import MLP, LossModule, LossPredictor, MnistCNN, ResidualCNN, ResidualMLP, SmallCNN, stages_of
from bayesal.networks.stages import Stage, outputs_of
from tests.networks.toys import HeadFirst


class Tokens(nn.Module):
    """Features on the last axis."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(3, 7), nn.Linear(7, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean(dim=1))


def points(*shape: int, n: int = 3) -> Tensor:
    return torch.randn(n, *shape, generator=Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("make", "shape", "expected"),
    [
        (SmallCNN, (1, 8, 8), [("2", 16, 1), ("5", 32, 1), ("9", 128, 1)]),
        (MnistCNN, (1, 28, 28), [("3", 32, 1), ("7", 64, 1), ("11", 128, 1)]),
        (lambda: MLP(5, 3), (5,), [("body.1", 128, 1), ("body.4", 128, 1)]),
        (HeadFirst, (1, 8, 8), [("first", 4, 1), ("second", 6, 1)]),
        (Tokens, (4, 3), [("body", 7, 2)]),
        (lambda: nn.Linear(5, 3), (5,), [("", 3, 1)]),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(5, 3)), (5,), [("1", 3, 1)]),
    ],
)
def test_stages_end_where_the_next_layer_begins(make: Callable[[], nn.Module], shape, expected) -> None:
    network = make()
    network.train()
    assert [tuple(stage) for stage in stages_of(network, points(*shape))] == expected
    assert network.training
    assert not network._forward_hooks


def test_of_many_stages_a_few_are_chosen_evenly_with_the_last() -> None:
    network = MLP(5, 3, hidden=(8,) * 10)
    names = [[s.name for s in stages_of(network, points(5), count)] for count in (1, 2, 4, 99)]
    assert names[0] == ["body.28"]
    assert names[1] == ["body.13", "body.28"]
    assert names[2] == ["body.7", "body.13", "body.22", "body.28"]
    assert len(names[3]) == 10


@pytest.mark.parametrize(("network", "shape"), [(ResidualMLP(5, 3), (5,)), (ResidualCNN(3), (1, 8, 8))])
def test_residual_networks_have_stages_too(network: nn.Module, shape: tuple[int, ...]) -> None:
    stages = stages_of(network, points(*shape))
    assert len(stages) == 4
    predicted = LossPredictor(network.eval(), LossModule(stages))(points(*shape))
    assert predicted.shape == (3,)


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(Flatten\) has neither nn.Linear nor convolutions"):
        stages_of(nn.Flatten(), points(5))


def test_outputs_are_seen_where_they_were_asked_for_and_no_longer() -> None:
    network = SmallCNN().eval()
    with outputs_of(network, ["2", ""]) as seen:
        said = network(points(1, 8, 8))
        assert torch.equal(seen[""], said)
        assert seen["2"].shape == (3, 16, 4, 4)
    assert not network._forward_hooks
    assert not network[2]._forward_hooks


def test_places_are_averaged_whatever_axis_the_features_are_on() -> None:
    maps = points(4, 5, 6)
    torch.testing.assert_close(Stage("", 4, 1).pooled(maps), maps.mean((2, 3)))
    torch.testing.assert_close(Stage("", 6, 3).pooled(maps), maps.mean((1, 2)))
    rows = points(4)
    assert Stage("", 4, 1).pooled(rows) is rows


def test_the_loss_module_is_the_one_of_the_paper() -> None:
    network, x = SmallCNN().eval(), points(1, 8, 8)
    module = LossModule(stages_of(network, x), width=5)
    parts, bodies = [], iter(module.bodies)
    seen = x
    for i, layer in enumerate(network):
        seen = layer(seen)
        if i in (2, 5, 9):
            body = next(bodies)[0]  # type: ignore[index]
            pooled = seen.mean((2, 3)) if seen.ndim == 4 else seen
            parts.append(torch.relu(pooled @ body.weight.T + body.bias))
    expected = torch.cat(parts, 1) @ module.last.weight[0] + module.last.bias
    torch.testing.assert_close(LossPredictor(network, module)(x), expected)
