"""The last layer of a belief, and rows of length 1."""

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool
from bayesal.networks import MLP
from bayesal.posteriors import DeepEnsemble, MCDropout
from bayesal.views import Features, Inputs, Normalised
from bayesal.views.head import head_of


def points(n: int = 12) -> Tensor:
    return torch.randn(n, 4, generator=Generator().manual_seed(3))


def networks(count: int) -> list[nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return [MLP(4, 3, hidden=(8,), dropout=0.3) for _ in range(count)]


def test_the_head_gives_the_logits_from_the_features() -> None:
    pool = Pool.of(points())
    for net in (*networks(1), nn.Sequential(nn.Linear(4, 8), nn.Dropout(), nn.Linear(8, 3, bias=False))):
        head = head_of(MCDropout(net), pool)
        features = Features()(MCDropout(net), pool, generator=Generator())(points())
        assert torch.allclose(head(features), net.eval()(points()), atol=1e-5)


def test_the_head_of_several_networks_gives_the_mean_of_their_logits() -> None:
    nets = networks(3)
    belief, pool = DeepEnsemble(nets), Pool.of(points())
    features = Features()(belief, pool, generator=Generator())(points())
    expected = torch.stack([net.eval()(points()) for net in nets]).mean(0)
    assert torch.allclose(head_of(belief, pool)(features), expected, atol=1e-5)


def test_a_frozen_trunk_and_a_frozen_bias_change_nothing() -> None:
    net = networks(1)[0]
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    last = [module for module in net.modules() if isinstance(module, nn.Linear)][-1]
    last.weight.requires_grad_(True)
    features = Features()(MCDropout(net), Pool.of(points()), generator=Generator())(points())
    assert torch.allclose(head_of(MCDropout(net), Pool.of(points()))(features), net.eval()(points()), atol=1e-5)


def test_batch_norms_before_the_head_are_no_hindrance() -> None:
    net = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3))
    net.train()(points(40))  # statistics that are not those of a new network
    features = Features()(MCDropout(net), Pool.of(points()), generator=Generator())(points())
    assert torch.allclose(head_of(MCDropout(net), Pool.of(points()))(features), net.eval()(points()), atol=1e-5)


def test_a_belief_without_a_last_linear_layer_gets_a_sentence() -> None:
    pool = Pool.of(points())
    with pytest.raises(ValueError, match="object has no network that can be differentiated"):
        head_of(object(), pool)

    class Convolved(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.kernel, self.drop = nn.Conv1d(1, 3, 4), nn.Dropout()

        def forward(self, x: Tensor) -> Tensor:
            return self.kernel(self.drop(x)[:, None])[:, :, 0]

    with pytest.raises(ValueError, match="has no linear layer"):
        head_of(MCDropout(Convolved()), pool)


def test_rows_of_length_one() -> None:
    rows = torch.tensor([[3.0, 4], [0, 0], [0, -2]])
    look = Normalised(Inputs())(None, Pool.of(rows), generator=Generator())
    assert torch.allclose(look(rows), torch.tensor([[0.6, 0.8], [0, 0], [0, -1]]))
    assert look(rows[:0]).shape == (0, 2)
    assert repr(Normalised(Inputs())) == "Normalised(view=Inputs(kernel=None))"
