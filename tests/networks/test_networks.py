"""The reference networks: shapes, architecture, and that posteriors can vectorise them."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from bayesal.networks import MLP, MnistCNN, SmallCNN

NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], int]] = {
    "mlp": (partial(MLP, 12, 3), (3, 4), 3),
    "mlp without hidden layers": (partial(MLP, 12, 3, hidden=()), (12,), 3),
    "mnist": (MnistCNN, (1, 28, 28), 10),
    "small": (SmallCNN, (1, 8, 8), 10),
    "small colour": (partial(SmallCNN, 5, 3, image_size=(32, 20)), (3, 32, 20), 5),
}


@pytest.fixture(params=NETWORKS)
def case(request: pytest.FixtureRequest) -> tuple[Callable[[], nn.Module], Callable[[int], Tensor], int]:
    make, shape, outputs = NETWORKS[request.param]
    return make, lambda n: torch.randn(n, *shape, generator=torch.Generator().manual_seed(0)), outputs


@pytest.mark.parametrize("n", [0, 1, 5])
def test_every_point_gets_its_outputs(case: tuple, n: int) -> None:
    make, points, outputs = case
    assert make()(points(n)).shape == (n, outputs)


def test_points_do_not_depend_on_their_batch_mates(case: tuple) -> None:
    make, points, _ = case
    network = make().eval()
    torch.testing.assert_close(network(points(5))[2:3], network(points(5)[2:3]))


def test_vmap_over_states_is_the_loop(case: tuple) -> None:
    make, points, _ = case
    four = points(4)
    networks = [make().eval() for _ in range(3)]
    states = stack_module_state(networks)
    stacked = vmap(lambda *state: functional_call(networks[0], state, (four,)))(*states)
    torch.testing.assert_close(stacked, torch.stack([network(four) for network in networks]))


def test_the_mnist_network_has_the_authors_layers_and_size() -> None:
    layers = [type(layer).__name__ for layer in MnistCNN()]
    block = ["Conv2d", "Dropout2d", "MaxPool2d", "ReLU"]
    assert layers == [*block, *block, "Flatten", "Linear", "Dropout", "ReLU", "Linear"]
    assert [layer.p for layer in MnistCNN() if isinstance(layer, nn.Dropout | nn.Dropout2d)] == [0.5] * 3
    sizes = (25 * 32 + 32) + (25 * 32 * 64 + 64) + (1024 * 128 + 128) + (128 * 10 + 10)
    assert sum(parameter.numel() for parameter in MnistCNN().parameters()) == sizes


def test_the_convolutions_of_the_small_network_have_no_dropout_before_or_between() -> None:
    kinds = [type(layer) for layer in SmallCNN()]
    assert kinds.index(nn.Dropout) > max(i for i, kind in enumerate(kinds) if kind is nn.Conv2d)


def test_an_mlp_says_which_points_it_takes() -> None:
    with pytest.raises(ValueError, match=r"takes 12 numbers a point, but the points have shape \(5,\)"):
        MLP(12, 3)(torch.zeros(2, 5))


def test_an_image_too_small_to_be_halved_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 4 x 4"):
        SmallCNN(image_size=(3, 8))
