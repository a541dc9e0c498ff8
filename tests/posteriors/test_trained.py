"""One network as a belief that embeds and can be differentiated, and the beliefs that are made of such networks."""

import copy
import pickle

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, vmap

from bayesal.learning.losses import CrossEntropy, GaussianLoss, SquaredLoss
from bayesal.likelihoods import bernoulli, categorical, dense_categorical, gaussian, gaussian_with_noise
from bayesal.networks import MLP, DropConnected, MnistCNN, SmallCNN
from bayesal.posteriors import (
    SGMCMC,
    SWAG,
    DeepEnsemble,
    DropConnect,
    GreedyEnsemble,
    LastLayerLaplace,
    MCDropout,
    Snapshots,
    TrainedNetwork,
    WeightMoments,
)
from bayesal.types import Differentiable, Embeds, Members


def made(build, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build()


def points(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=Generator().manual_seed(1))


class Tied(nn.Module):
    """Two layers with one weight, a buffer, and a buffer that is not saved."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)
        self.second.weight = self.first.weight
        self.register_buffer("shift", torch.ones(4))
        self.register_buffer("scale", torch.full((4,), 2.0), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first((x + self.shift) * self.scale).tanh()).tanh())


NETWORKS = {
    "mlp": (lambda: MLP(4, 3, dropout=0.5), (6, 4)),
    "images": (lambda: SmallCNN(3), (6, 1, 8, 8)),
    "tied": (Tied, (6, 4)),
    "normalised": (
        lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3)),
        (6, 4),
    ),
    "linear alone": (lambda: nn.Linear(4, 3), (6, 4)),
    "weight norm": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 5)), nn.ReLU(), nn.Linear(5, 3)),
        (6, 4),
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_forward_is_the_network_in_evaluation_mode_and_its_head_on_its_features(name: str) -> None:
    build, shape = NETWORKS[name]
    network, x = made(build), points(*shape)
    network.train()
    before = copy.deepcopy(network.state_dict())
    belief = TrainedNetwork(network)
    assert isinstance(belief, Differentiable)
    assert isinstance(belief, Embeds)
    state = belief.state
    outputs, features = belief.forward(state, x), belief.embed(x)
    expected = copy.deepcopy(network).eval()(x)
    assert torch.equal(outputs, expected)
    head = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    torch.testing.assert_close(head(features), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(belief.embed(x[2:4]), features[2:4])
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(value.requires_grad for value in state.values())
    assert belief.trainable == {name for name, _ in network.named_parameters()}


def test_the_state_says_what_the_network_is() -> None:
    network, x = made(Tied), points(5, 4)
    belief = TrainedNetwork(network)
    state = belief.state
    assert state.keys() == {"first.weight", "first.bias", "second.bias", "head.weight", "head.bias", "shift", "scale"}
    other = {name: value + 1 for name, value in state.items()}
    assert torch.equal(belief.forward(other, x), functional_call(network, other, (x,)))
    some = {"head.bias": state["head.bias"] + 1}  # what is not said is the network's own
    torch.testing.assert_close(belief.forward(some, x), network(x) + 1)
    outputs = belief.forward({name: value.requires_grad_() for name, value in belief.state.items()}, x)
    assert outputs.requires_grad
    named = dict(network.state_dict())  # as a file has it: tied weights under both names
    assert torch.equal(belief.forward(named, x), network(x))


def test_training_on_is_seen_and_a_state_of_ones_own_is_kept() -> None:
    network, x = made(NETWORKS["mlp"][0]), points(5, 4)
    live = TrainedNetwork(network)
    kept = TrainedNetwork(network, state={name: value.detach().clone() for name, value in network.named_parameters()})
    outputs, features = live.forward(live.state, x), live.embed(x)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1)
    assert not torch.equal(live.forward(live.state, x), outputs)
    assert not torch.equal(live.embed(x), features)
    assert torch.equal(kept.forward(kept.state, x), outputs)
    assert torch.equal(kept.embed(x), features)
    assert torch.equal(live.embed(x), TrainedNetwork(network).embed(x))


def test_what_is_frozen_is_not_trainable_unless_all_is() -> None:
    network = MLP(4, 3)
    network.head.requires_grad_(False)
    assert TrainedNetwork(network).trainable == {"body.0.weight", "body.0.bias", "body.3.weight", "body.3.bias"}
    network.requires_grad_(False)
    assert TrainedNetwork(network).trainable == {name for name, _ in network.named_parameters()}


@pytest.mark.parametrize(
    ("likelihood", "outputs", "location"),
    [
        (categorical, 3, lambda z: z),
        (bernoulli, 3, lambda z: z),
        (gaussian, 2, lambda z: z[:, :1]),
        (gaussian_with_noise(0.1), 1, lambda z: z),
        (gaussian_with_noise(0.1), 3, lambda z: z),
        (SquaredLoss(shift=5.0, scale=3.0).likelihood, 1, lambda z: 5 + 3 * z),
        (GaussianLoss(shift=5.0, scale=3.0).likelihood, 2, lambda z: 5 + 3 * z[:, :1]),
    ],
)
def test_amounts_are_their_means_in_the_labels_units_and_logits_are_as_they_are(
    likelihood, outputs: int, location
) -> None:
    network, x = made(lambda: MLP(4, outputs)).eval(), points(5, 4)
    belief = TrainedNetwork(network, likelihood)
    torch.testing.assert_close(belief.forward(belief.state, x), location(network(x)))


def test_maps_keep_their_places() -> None:
    network, x = made(lambda: nn.Conv2d(1, 3, 1)), points(2, 1, 4, 5)
    belief = TrainedNetwork(network, dense_categorical)
    assert torch.equal(belief.forward(belief.state, x), network(x))


def test_points_come_in_any_type_and_none_are_no_rows() -> None:
    network, x = made(lambda: MLP(4, 3)).double(), points(5, 4).double()
    belief = TrainedNetwork(network)
    for same in (x.numpy(), x.float()):
        torch.testing.assert_close(belief.forward(belief.state, same), network.eval()(x), rtol=1e-5, atol=1e-6)
    assert belief.forward(belief.state, x[:0]).shape == (0, 3)
    assert belief.embed(x[:0]).shape == (0, 128)
    with pytest.raises(ValueError, match="1 of 5 points hold NaN"):
        belief.forward(belief.state, x.index_fill(0, torch.tensor([1]), torch.nan))
    with pytest.raises(ValueError, match="1 of 5 points hold NaN"):
        belief.embed(x.index_fill(0, torch.tensor([1]), torch.nan))
    flat = TrainedNetwork(nn.Sequential(nn.Linear(4, 1), nn.Flatten(0)))
    with pytest.raises(ValueError, match=r"must return outputs N C, but for 5 points it gave shape \(5,\)"):
        flat.forward(flat.state, x)
    with pytest.raises(ValueError, match="features are of points that are one tensor"):
        belief.embed({"x": x})


def test_vmap_goes_through_it() -> None:
    network, x = made(lambda: SmallCNN(3)), points(5, 1, 8, 8)
    belief = TrainedNetwork(network)
    state = belief.state
    outputs = vmap(lambda point: belief.forward(state, point[None])[0])(x)
    torch.testing.assert_close(outputs, network.eval()(x))


def test_it_survives_a_pickle() -> None:
    belief, x = TrainedNetwork(made(lambda: MLP(4, 3))), points(5, 4)
    expected = belief.forward(belief.state, x), belief.embed(x)
    copied = pickle.loads(pickle.dumps(belief))
    assert torch.equal(copied.forward(copied.state, x), expected[0])
    assert torch.equal(copied.embed(x), expected[1])


@pytest.mark.parametrize(
    "belief",
    [
        MCDropout(made(MnistCNN)),
        DropConnect(made(lambda: DropConnected(nn.Sequential(nn.Flatten(), MLP(784, 3)), 0.3))),
    ],
    ids=["dropout", "dropconnect"],
)
def test_dropout_is_off_where_a_network_is_differentiated(belief) -> None:
    x = points(3, 1, 28, 28)
    assert isinstance(belief, Differentiable)
    assert isinstance(belief, Embeds)
    belief.network.train()
    outputs = belief.forward(belief.state, x)
    assert torch.equal(outputs, copy.deepcopy(belief.network).eval()(x))
    assert torch.equal(belief.embed(x), belief.embed(x))
    assert belief.embed(x).shape == (3, 128)
    assert belief.trainable == {name for name, _ in belief.network.named_parameters()}
    assert belief.network.training


def states_of(network: nn.Module, count: int) -> list[dict[str, Tensor]]:
    generator = Generator().manual_seed(2)
    return [
        {
            name: value + 0.1 * torch.randn(value.shape, generator=generator)
            for name, value in network.named_parameters()
        }
        for _ in range(count)
    ]


def check_members(belief, networks: list[nn.Module], x: Tensor) -> None:
    assert isinstance(belief, Members)
    assert not isinstance(belief, Differentiable)
    assert len(belief.members) == len(networks)
    for member, network in zip(belief.members, networks, strict=True):
        assert torch.equal(member.forward(member.state, x), network.eval()(x))
        assert torch.equal(member.embed(x), TrainedNetwork(network).embed(x))
        assert member.trainable == TrainedNetwork(network).trainable


def with_state(network: nn.Module, state: dict[str, Tensor]) -> nn.Module:
    other = copy.deepcopy(network)
    other.load_state_dict(state, strict=False)
    return other


def test_ensembles_are_their_networks() -> None:
    networks = [made(lambda: MLP(4, 3), seed) for seed in range(3)]
    for network in networks:
        network.body[0].requires_grad_(False)
    x = points(5, 4)
    check_members(DeepEnsemble(networks), networks, x)
    check_members(GreedyEnsemble(networks, strength=1.0), networks, x)
    ensemble = DeepEnsemble(networks)
    with torch.no_grad():
        networks[0].head.bias.add_(1)
    assert not torch.equal(ensemble.members[0].forward(ensemble.members[0].state, x), networks[0](x))


def test_snapshots_and_chains_are_their_states() -> None:
    network, x = made(lambda: MLP(4, 3)), points(5, 4)
    states = states_of(network, 3)
    networks = [with_state(network, state) for state in states]
    check_members(Snapshots(network, states), networks, x)
    check_members(SGMCMC(network, states), networks, x)
    heads = [{"head.bias": state["head.bias"]} for state in states]
    check_members(Snapshots(network, heads), [with_state(network, state) for state in heads], x)


def test_swag_is_its_mean_network() -> None:
    network, x = made(lambda: MLP(4, 3)), points(40, 4)
    moments = WeightMoments.of(network, states_of(network, 4))
    mean = with_state(
        network, {n: torch.stack([s[n] for s in states_of(network, 4)]).mean(0) for n, _ in network.named_parameters()}
    )
    (member,) = SWAG(network, moments).members
    torch.testing.assert_close(member.forward(member.state, x), mean.eval()(x), rtol=1e-5, atol=1e-6)


def test_swag_computes_the_statistics_of_its_mean_network_anew() -> None:
    network = made(lambda: nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)))
    x = points(40, 4)
    (member,) = SWAG(network, WeightMoments.of(network, states_of(network, 4)), inputs=x).members
    state = member.state
    seen = x @ state["0.weight"].T + state["0.bias"]
    torch.testing.assert_close(state["1.running_mean"], seen.mean(0))
    torch.testing.assert_close(state["1.running_var"], seen.var(0))


def test_a_belief_about_the_last_layer_embeds_but_is_not_differentiated() -> None:
    network, x = made(lambda: MLP(4, 3)), points(30, 4)
    laplace = LastLayerLaplace.fit(
        network, x, torch.arange(30) % 3, loss=CrossEntropy(), generator=Generator().manual_seed(0), precision=1.0
    )
    assert isinstance(laplace, Embeds)
    assert not isinstance(laplace, Differentiable | Members)
    torch.testing.assert_close(laplace.embed(x).float(), TrainedNetwork(network).embed(x))
