"""A network is its head after its trunk."""

import pickle

import pytest
import torch
from torch import nn

from bayesal.networks import MLP, MnistCNN, SmallCNN, Standardise, split_head


class Unordered(nn.Module):
    """Makes its head before its body."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(4, 2), nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


NETWORKS = {
    "mlp": (lambda: MLP(6, 3), (6,)),
    "images": (lambda: SmallCNN(4), (1, 8, 8)),
    "mnist": (lambda: MnistCNN(10), (1, 28, 28)),
    "scaled": (lambda: nn.Sequential(Standardise(torch.ones(6), torch.full((6,), 2.0)), MLP(6, 3)), (6,)),
    "normalised": (lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 1)), (6,)),
    "head first": (Unordered, (6,)),
    "linear alone": (lambda: nn.Linear(6, 2), (6,)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_head_of_the_trunk_is_the_network(name: str, generator: torch.Generator) -> None:
    make, shape = NETWORKS[name]
    network, points = make(), torch.randn(5, *shape, generator=generator)
    network.train()
    trunk, head = split_head(network, points[:1])
    assert network.training
    assert not trunk.training
    assert not any(p.requires_grad for part in (trunk, head) for p in part.parameters())
    expected = network.eval()(points)
    torch.testing.assert_close(head(trunk(points)), expected, rtol=1e-4, atol=1e-5)
    copied = pickle.loads(pickle.dumps(trunk))
    assert torch.equal(copied(points), trunk(points))
    with torch.no_grad():
        next(network.parameters()).add_(1)  # whatever becomes of the network
    torch.testing.assert_close(head(trunk(points)), expected, rtol=1e-4, atol=1e-5)


class Squashed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).log_softmax(-1)


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (Squashed(), "the output of the network .Squashed. is not that of its last nn.Linear .layer."),
        (nn.Sequential(nn.BatchNorm1d(3)), "uses no nn.Linear"),
    ],
)
def test_what_cannot_be_split_says_why(network: nn.Module, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        split_head(network, torch.randn(2, 3, generator=torch.Generator().manual_seed(0)))
