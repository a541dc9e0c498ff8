"""Features, logits and gradients of last layers as rows."""

import math

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical

from bayesal import Pool
from bayesal.learning.losses import CrossEntropy
from bayesal.likelihoods import bernoulli, dense_categorical, gaussian
from bayesal.networks import MLP, NTKMLP
from bayesal.posteriors import DeepEnsemble, LastLayerLaplace, MCDropout, TrainedNetwork
from bayesal.views import Features, LastLayer, LastLayerGradients
from bayesal.views.gradients import jacobian_rows

X = torch.randn(9, 4, generator=Generator().manual_seed(1))
POOL = Pool.of(X, chunk_size=4, progress=False)
EMPTY = Pool.of(X[:0], progress=False)


def made(build=lambda: MLP(4, 3, hidden=(6,)), seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().eval()


def seeded() -> Generator:
    return Generator().manual_seed(0)


NETWORKS = [made(seed=seed) for seed in range(3)]
ENSEMBLE = DeepEnsemble(NETWORKS)


def rows_of(view, belief, pool: Pool = POOL) -> Tensor:
    return pool.scan(view(belief, pool, generator=seeded()))


class Draws:
    """A belief that only embeds and draws."""

    def draw(self, num_hypotheses: int, *, generator: Generator):
        weights = torch.randn(num_hypotheses, 4, 3, generator=generator)
        return lambda inputs: Categorical(logits=torch.einsum("nd,kdc->nkc", inputs, weights))

    def embed(self, inputs: Tensor, /) -> Tensor:
        return inputs[:, :2]


def test_features_are_what_the_belief_embeds() -> None:
    torch.testing.assert_close(rows_of(Features(), MCDropout(NETWORKS[0])), NETWORKS[0].body(X))
    assert torch.equal(rows_of(Features(), Draws()), X[:, :2])


def test_features_of_several_networks_have_their_mean_inner_products() -> None:
    rows = rows_of(Features(), ENSEMBLE)
    assert rows.shape == (9, 18)
    each = torch.stack([network.body(X) for network in NETWORKS])
    torch.testing.assert_close(rows @ rows.T, (each @ each.mT).mean(0))


def test_the_last_layer_shows_logits_and_features() -> None:
    for belief in (MCDropout(NETWORKS[0]), TrainedNetwork(NETWORKS[0])):
        look = LastLayer()(belief, POOL, generator=seeded())
        assert look.num_classes == 3
        logits, features = look.split(POOL.scan(look))
        torch.testing.assert_close(logits, NETWORKS[0](X))
        torch.testing.assert_close(features, NETWORKS[0].body(X))


def test_logits_of_several_networks_are_those_of_their_mean_probability() -> None:
    look = LastLayer()(ENSEMBLE, POOL, generator=seeded())
    logits, features = look.split(POOL.scan(look))
    mean = torch.stack([network(X).softmax(1) for network in NETWORKS]).mean(0)
    torch.testing.assert_close(logits.exp(), mean)
    torch.testing.assert_close(features, rows_of(Features(), ENSEMBLE))


def test_a_belief_that_draws_has_the_logits_of_its_mean_probability() -> None:
    look = LastLayer(20)(Draws(), POOL, generator=seeded())
    logits, features = look.split(POOL.scan(look))
    mean = Draws().draw(20, generator=seeded())(X).probs.mean(1)
    torch.testing.assert_close(logits, mean.log())
    assert torch.equal(features, X[:, :2])
    labels = torch.arange(9) % 3
    laplace = LastLayerLaplace.fit(NETWORKS[0], X, labels, loss=CrossEntropy(), generator=seeded(), precision=1.0)
    rows = rows_of(LastLayer(20), laplace)
    assert rows.shape == (9, 9)
    assert rows.dtype == torch.float64  # that of its features
    torch.testing.assert_close(rows[:, :3].logsumexp(1), torch.zeros(9).double(), atol=1e-6, rtol=0)


def test_one_logit_becomes_two() -> None:
    network = made(lambda: MLP(4, 1, hidden=(6,)))
    look = LastLayer()(TrainedNetwork(network), POOL, generator=seeded())
    logits, _ = look.split(POOL.scan(look))
    assert look.num_classes == 2
    torch.testing.assert_close(logits, torch.cat([torch.zeros(9, 1), network(X)], 1))


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_of_the_last_layer_are_its_features_and_its_bias_if_it_has_one(bias: bool) -> None:
    network = made(lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3, bias=bias))).double()
    network[0].requires_grad_(False)
    belief = TrainedNetwork(network)
    rows = rows_of(LastLayerGradients(), belief)
    assert rows.shape == (9, 6 + bias)
    kernel = rows @ rows.T
    for output in (lambda z: z[:, 0], lambda z: z[:, 2], lambda z: z.sum(1) / math.sqrt(3)):
        jacobian = jacobian_rows(belief, output)(X)
        torch.testing.assert_close(kernel, jacobian @ jacobian.T)


def test_gains_of_the_ntk_parametrisation_are_in_the_gradients() -> None:
    network = made(lambda: NTKMLP(4, 1, hidden=(6,), weight_gain=0.5, bias_gain=0.3))
    rows = rows_of(LastLayerGradients(), TrainedNetwork(network))
    hidden = network.layers[:3](X)
    torch.testing.assert_close(rows, torch.cat([0.5 / math.sqrt(6) * hidden, torch.full((9, 1), 0.3)], 1))


def test_kernels_of_several_last_layers_are_added() -> None:
    rows = rows_of(LastLayerGradients(), ENSEMBLE)
    each = [rows_of(LastLayerGradients(), TrainedNetwork(network)) for network in NETWORKS]
    torch.testing.assert_close(rows @ rows.T, sum(part @ part.T for part in each))
    assert rows_of(LastLayerGradients(), Draws()).tolist() == [[*x[:2].tolist(), 1.0] for x in X]


@pytest.mark.parametrize("view", [Features(), LastLayer(), LastLayerGradients()], ids=repr)
def test_an_empty_pool_has_no_rows_and_a_belief_without_features_gets_a_sentence(view) -> None:
    width = rows_of(view, ENSEMBLE).shape[1]
    assert rows_of(view, ENSEMBLE, EMPTY).shape == (0, width)
    assert repr(view) == repr(type(view)())
    with pytest.raises(ValueError, match=r"a float shows no features: use --posterior mc-dropout"):
        rows_of(view, 1.0)


def test_other_labels_than_classes_have_no_logits() -> None:
    network = made(lambda: MLP(4, 2))
    for likelihood, kind in ((gaussian, "Normal"), (bernoulli, "Independent")):
        with pytest.raises(ValueError, match=f"are of one label among classes, but the model predicts {kind}"):
            LastLayer()(MCDropout(network, likelihood), POOL, generator=seeded())
    broken = made()
    nn.init.constant_(broken.head.bias, torch.inf)
    with pytest.raises(ValueError, match="outputs are NaN or infinite for 1 of 1 points"):
        LastLayer()(TrainedNetwork(broken), POOL, generator=seeded())
    maps = TrainedNetwork(nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (2, 2))), dense_categorical)
    with pytest.raises(ValueError, match="for maps use all layers"):
        LastLayer()(maps, POOL, generator=seeded())
