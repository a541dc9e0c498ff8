"""DropConnect: weights dropped, for all points alike, and the layers otherwise as they were."""

import copy
import math

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import parametrizations

from bayesal.data import Pool
from bayesal.learning import Supervised, Training
from bayesal.likelihoods import gaussian_with_noise
from bayesal.networks import MLP, DropConnected, SmallCNN
from bayesal.posteriors import DropConnect
from bayesal.testing import check_posterior

W = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.5, 1.0, -1.0, 2.0]], dtype=torch.float64)
X = torch.tensor([[1.0, 2.0, -1.0, 0.5], [0.5, -1.0, 2.0, 1.0]], dtype=torch.float64)


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def linear(p: float) -> nn.Module:
    layer = nn.Linear(4, 2, bias=False, dtype=torch.float64)
    layer.weight.data = W.clone()
    return DropConnected(layer, p)


def strided() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        convolution = nn.Conv2d(4, 8, 3, stride=2, padding=1, padding_mode="circular", groups=2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 3)).double()


def outputs(posterior: DropConnect, k: int, x: Tensor, number: int = 0) -> Tensor:
    return posterior.draw(k, generator=seed(number))(x).mean


def test_of_one_linear_layer_mean_and_covariances_are_the_cards() -> None:
    seen = outputs(DropConnect(linear(0.3), gaussian_with_noise(1.0)), 20_000, X)  # N K 2
    first = seen[..., 0]
    assert abs(float(first[0].mean()) + 2) < 4 * math.sqrt(8.35714 / 20_000)
    assert abs(float(first[0].var()) - 8.35714) < 0.4
    assert abs(float(torch.cov(first)[0, 1]) + 1.5) < 0.3
    flat = seen.permute(0, 2, 1).flatten(0, 1)  # (point, output) K
    same_output = torch.eye(2, dtype=torch.float64).repeat(2, 2)  # δ_oo'
    expected = 0.3 / 0.7 * torch.einsum("ni,oi,mi,qi->nomq", X, W, X, W).flatten(2).flatten(0, 1) * same_output
    assert (torch.cov(flat) - expected).abs().max() < 0.5


def test_training_passes_drop_with_fresh_masks_and_keep_the_mean() -> None:
    layer = linear(0.3).train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        passes = torch.stack([layer(X[:1].expand(3, 4)).detach() for _ in range(4000)])
    assert torch.equal(passes[:, 0], passes[:, 1])  # one mask for all points of a batch
    assert len(passes[:, 0].unique(dim=0)) > 10
    assert abs(float(passes[:, 0, 0].mean()) + 2) < 4 * math.sqrt(8.35714 / 4000)


@pytest.mark.parametrize("training", [True, False])
def test_without_dropping_a_strided_grouped_convolution_is_the_original(training: bool) -> None:
    network, x = strided().train(training), torch.randn(5, 4, 8, 8, generator=seed(), dtype=torch.float64)
    dropped = DropConnected(network, 0.0)
    assert torch.equal(dropped(x), network(x))
    partly = DropConnect(DropConnected(dropped, 0.5, layers=["network.4"]), gaussian_with_noise(1.0))
    hypotheses = partly.draw(6, generator=seed())
    assert list(hypotheses.states(range(6))) == ["network.network.4.weight"]
    features = network.eval()[:4](x)
    head = network[4]
    assert isinstance(head, nn.Linear)
    masked = hypotheses.states(range(6))["network.network.4.weight"]
    expected = torch.einsum("nf,kof->nko", features, masked) + head.bias
    torch.testing.assert_close(hypotheses(x).mean, expected)


def test_hypotheses_are_the_trained_network_with_masked_weights_and_whole_biases() -> None:
    network = MLP(5, 3, dropout=0.0)
    hypotheses = DropConnect(DropConnected(network, 0.4)).draw(5, generator=seed())
    states, x = hypotheses.states(range(5)), torch.randn(7, 5, generator=seed())
    own = dict(network.named_parameters())
    states = {name.removeprefix("network."): values for name, values in states.items()}
    assert set(states) == {name for name in own if name.endswith("weight")}
    for k in range(5):
        alone = copy.deepcopy(network)
        for name in states:
            kept = states[name][k] != 0
            torch.testing.assert_close(states[name][k][kept], own[name][kept] / 0.6)
            alone.get_parameter(name).data = states[name][k].detach()
        torch.testing.assert_close(hypotheses(x).logits[:, k], alone.eval()(x).log_softmax(-1))
    shares = torch.cat([(states[name] != 0).double().flatten() for name in states])
    assert abs(float(shares.mean()) - 0.6) < 4 * math.sqrt(0.24 / len(shares))


def test_biases_are_dropped_where_asked_for() -> None:
    states = DropConnect(DropConnected(MLP(5, 3), 0.4, bias=True)).draw(2, generator=seed()).states(range(2))
    assert "network.head.bias" in states


def test_blocks_of_hypotheses_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    posterior, x = DropConnect(DropConnected(SmallCNN(3), 0.3)), torch.randn(4, 1, 8, 8, generator=seed())
    whole = posterior.draw(7, generator=seed())(x).logits
    monkeypatch.setattr("bayesal.posteriors.dropconnect.STATE_BYTES", 300_000)
    blocked = posterior.draw(7, generator=seed())
    assert len(list(blocked._blocks())) > 1
    torch.testing.assert_close(blocked(x).logits, whole)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_keeps_the_laws_of_a_posterior(dtype: torch.dtype) -> None:
    for network, shape in [(MLP(5, 3), (5,)), (SmallCNN(3), (1, 8, 8)), (strided(), (4, 8, 8))]:
        points = torch.randn(9, *shape, generator=seed(), dtype=dtype)
        findings = check_posterior(DropConnect(DropConnected(network.to(dtype), 0.3)), points)
        assert not [finding.sentence for finding in findings if finding.warning]


def test_a_learner_trains_with_it() -> None:
    points = torch.randn(40, 3, generator=seed())
    pool = Pool.of(points, labels={i: int(points[i, 0] > 0) for i in range(40)})
    quick = Training(learning_rate=1e-2, epoch_size=128, max_epochs=6)
    learner = Supervised(lambda: DropConnected(MLP(3, 2, dropout=0.0), 0.2), DropConnect, training=quick)
    belief = learner(pool, seed())
    assert (
        belief.draw(20, generator=seed())(points).probs.mean(1).argmax(-1) == (points[:, 0] > 0)
    ).float().mean() > 0.9
    before = copy.deepcopy(belief.state)
    check_posterior(belief, points)
    assert all(torch.equal(belief.state[name], value) for name, value in before.items())


def test_a_network_that_drops_no_connections_is_refused() -> None:
    for network in (MLP(5, 3, dropout=0.5), DropConnected(MLP(5, 3), 0.0), DropConnected(MLP(5, 3), 1.0)):
        with pytest.raises(ValueError, match=r"no connections of the network \(\w+\) are dropped at random"):
            DropConnect(network)
    with pytest.raises(ValueError, match="at least one hypothesis"):
        DropConnect(linear(0.5)).draw(0, generator=seed())


def test_what_cannot_be_dropped_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the network \(ReLU\), but it has none"):
        DropConnected(nn.ReLU())
    with pytest.raises(ValueError, match="but 'body' is none of them"):
        DropConnected(MLP(5, 3), layers=["body"])
    with pytest.raises(ValueError, match=r"between 0 and 1, but it is 1\.5"):
        DropConnected(MLP(5, 3), 1.5)
    normalised = nn.Sequential(parametrizations.weight_norm(nn.Linear(5, 3)), nn.Linear(3, 2))
    with pytest.raises(ValueError, match="the weight of '0' is computed from other parameters"):
        DropConnected(normalised)
    assert DropConnected(normalised, layers=["1"]).dropped == ["1.weight"]


def test_tied_weights_are_dropped_as_one() -> None:
    network = nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU(), nn.Linear(4, 4, bias=False))
    network[2].weight = network[0].weight
    wrapped, points = DropConnected(network, 0.5).train(), torch.randn(3, 4, generator=seed())
    assert wrapped.dropped == ["0.weight"]
    assert wrapped(points).shape == (3, 4)
    check_posterior(DropConnect(wrapped), torch.randn(6, 4, generator=seed()))


def test_what_is_trained_is_the_networks_own_weights() -> None:
    network = MLP(5, 3)
    wrapped = DropConnected(network, 0.5).train()
    wrapped(torch.randn(4, 5, generator=seed())).sum().backward()
    gradient = network.head.weight.grad
    assert gradient is not None
    assert (gradient == 0).any()
    assert (gradient != 0).any()
