"""Gradients of whole networks as rows: their inner products are those of Jacobians by autograd."""

import copy

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool
from bayesal.learning.losses import GaussianLoss, SquaredLoss
from bayesal.networks import MLP, NTKMLP, SmallCNN
from bayesal.posteriors import DeepEnsemble, MCDropout, TrainedNetwork
from bayesal.views import Gradients
from bayesal.views.gradients import jacobian_rows

X = torch.randn(7, 4, generator=Generator().manual_seed(1)).double()


def made(build, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().double().eval()


def kernel_of(view: Gradients, belief, inputs: Tensor = X, seed: int = 0) -> Tensor:
    pool = Pool.of(inputs, chunk_size=3, progress=False)
    look = view(belief, pool, generator=Generator().manual_seed(seed))
    rows = pool.scan(look)
    if look.kernel is None:
        return rows @ rows.T
    torch.testing.assert_close(look.kernel.variance(rows), look.kernel.covariance(rows, rows).diagonal())
    return look.kernel.covariance(rows, rows)


def jacobians(network: nn.Module, inputs: Tensor = X) -> Tensor:
    """``N C P`` by one backward pass for each output of each point."""
    rows = []
    for point in inputs:
        outputs = network(point[None])[0]
        parts = [torch.autograd.grad(output, list(network.parameters()), retain_graph=True) for output in outputs]
        rows.append(torch.stack([torch.cat([part.flatten() for part in each]) for each in parts]))
    return torch.stack(rows)


NETWORKS = {
    "mlp": (lambda: MLP(4, 3, hidden=(6, 5)), (4,)),
    "ntk": (lambda: NTKMLP(4, 3, hidden=(6, 5)), (4,)),
    "images": (lambda: SmallCNN(3, width=2, hidden=4), (1, 8, 8)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("outputs", ["sum", "each", 1])
def test_exact_kernels_are_gram_matrices_of_jacobians(name: str, outputs: str | int) -> None:
    build, shape = NETWORKS[name]
    network, inputs = made(build), torch.randn(6, *shape, generator=Generator().manual_seed(1)).double()
    jacobian = jacobians(network, inputs)
    shown = {"sum": jacobian.sum(1) / 3**0.5, "each": jacobian.flatten(1), 1: jacobian[:, 1]}[outputs]
    view = Gradients(None, outputs)
    torch.testing.assert_close(
        kernel_of(view, TrainedNetwork(network), inputs), shown @ shown.T, rtol=1e-12, atol=1e-12
    )
    look = view(TrainedNetwork(network), Pool.of(inputs), generator=Generator())
    assert (look.kernel is None) == (name == "images")


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("outputs", ["sum", "each", 1])
def test_sketched_kernels_are_the_exact_ones_on_average(name: str, outputs: str | int) -> None:
    build, shape = NETWORKS[name]
    network, inputs = made(build), torch.randn(6, *shape, generator=Generator().manual_seed(1)).double()
    belief = TrainedNetwork(network)
    exact = kernel_of(Gradients(None, outputs), belief, inputs)
    grams = torch.stack([kernel_of(Gradients(256, outputs), belief, inputs, seed) for seed in range(8)])
    assert float((grams.mean(0) - exact).norm() / exact.norm()) < 0.12
    assert float((grams[0] - exact).norm() / exact.norm()) < 0.35


def test_kernels_of_several_networks_are_added() -> None:
    networks = [made(NETWORKS["mlp"][0], seed) for seed in range(3)]
    ensemble = DeepEnsemble(networks)
    exact = sum(kernel_of(Gradients(None), TrainedNetwork(network)) for network in networks)
    torch.testing.assert_close(kernel_of(Gradients(None), ensemble), exact)
    grams = torch.stack([kernel_of(Gradients(256), ensemble, seed=seed) for seed in range(8)])
    assert float((grams.mean(0) - exact).norm() / exact.norm()) < 0.12
    convolutions = [made(NETWORKS["images"][0], seed) for seed in range(2)]
    images = torch.randn(4, 1, 8, 8, generator=Generator().manual_seed(1)).double()
    written = sum(kernel_of(Gradients(None), TrainedNetwork(network), images) for network in convolutions)
    torch.testing.assert_close(kernel_of(Gradients(None), DeepEnsemble(convolutions), images), written)


def test_the_same_sketch_is_shown_in_any_chunk_and_to_what_is_labelled() -> None:
    belief = MCDropout(made(lambda: MLP(4, 3, hidden=(6, 5), dropout=0.5)))
    pool = Pool.of(X, labels={2: 0}, progress=False)
    for view in (Gradients(16), Gradients(16, "each"), Gradients(None)):
        look = view(belief, pool, generator=Generator().manual_seed(3))
        rows = pool.scan(look)
        torch.testing.assert_close(pool.scan(look, pool.labelled), rows[2:3])
        with torch.no_grad():
            torch.testing.assert_close(look(X[4:]), rows[4:])
        assert not rows.requires_grad
        again = view(belief, pool, generator=Generator().manual_seed(3))
        assert torch.equal(pool.scan(again), rows)


def test_amounts_are_differentiated_in_their_mean_in_the_labels_units() -> None:
    network = made(lambda: MLP(4, 2, hidden=(6,)))
    jacobian = 3 * jacobians(network)[:, 0]  # the raw scale is left out
    exact = kernel_of(Gradients(None), MCDropout(network, GaussianLoss(shift=5.0, scale=3.0).likelihood))
    torch.testing.assert_close(exact, jacobian @ jacobian.T)
    one = made(lambda: MLP(4, 1, hidden=(6,)))
    jacobian = jacobians(one)[:, 0]
    for outputs in ("sum", "each", 0):
        exact = kernel_of(Gradients(None, outputs), TrainedNetwork(one, SquaredLoss().likelihood))
        torch.testing.assert_close(exact, jacobian @ jacobian.T)


def test_maps_show_the_sum_of_all_their_outputs() -> None:
    network = made(lambda: nn.Sequential(nn.Conv2d(1, 2, 2), nn.ReLU(), nn.Conv2d(2, 3, 1)))
    images = torch.randn(4, 1, 3, 3, generator=Generator().manual_seed(1)).double()
    shown = jacobian_rows(TrainedNetwork(network), lambda z: z.flatten(1).sum(1) / 12**0.5)(images)
    torch.testing.assert_close(kernel_of(Gradients(None), TrainedNetwork(network), images), shown @ shown.T)


def test_frozen_layers_have_no_gradient_and_unused_ones_no_part() -> None:
    network = made(lambda: MLP(4, 3, hidden=(6, 5)))
    jacobian = jacobians(network).sum(1) / 3**0.5
    network.body[0].requires_grad_(False)
    network.idle = nn.Linear(4, 2).double()
    kept = jacobian[:, 30:]
    torch.testing.assert_close(kernel_of(Gradients(None), TrainedNetwork(network)), kept @ kept.T)


def test_rows_of_a_jacobian() -> None:
    network = made(lambda: MLP(4, 3, hidden=(6,)))
    look = jacobian_rows(TrainedNetwork(network), lambda z: z[:, 2])
    torch.testing.assert_close(look(X), jacobians(network)[:, 2], rtol=1e-12, atol=1e-13)
    assert look(X[:0]).shape == (0, 51)
    assert not look(X).requires_grad


@pytest.mark.parametrize("view", [Gradients(8), Gradients(8, "each"), Gradients(None)], ids=repr)
def test_an_empty_pool_has_no_rows(view: Gradients) -> None:
    belief = TrainedNetwork(made(NETWORKS["mlp"][0]))
    pool = Pool.of(X[:0], progress=False)
    assert pool.scan(view(belief, pool, generator=Generator())).shape[0] == 0
    full = Pool.of(X, progress=False)
    look = view(belief, full, generator=Generator())
    assert full.scan(look, []).shape == (0, full.scan(look).shape[1])


def test_the_network_is_left_alone() -> None:
    network = made(NETWORKS["images"][0]).train()
    before = copy.deepcopy(network.state_dict())
    images = torch.randn(4, 1, 8, 8, generator=Generator().manual_seed(1)).double()
    kernel_of(Gradients(8), MCDropout(network), images)
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())


def test_what_cannot_be_shown_gets_a_sentence() -> None:
    belief, pool = TrainedNetwork(made(NETWORKS["mlp"][0])), Pool.of(X, progress=False)
    with pytest.raises(ValueError, match="the network has the outputs 0 to 2, but outputs is 3"):
        Gradients(8, 3)(belief, pool, generator=Generator())
    with pytest.raises(ValueError, match="outputs must be 'sum', 'each' or the number of one, but it is 'mean'"):
        Gradients(8, "mean")
    with pytest.raises(ValueError, match="at least one dimension, but sketch is 0"):
        Gradients(0)
    with pytest.raises(ValueError, match=r"a float has no network .* use LastLayerGradients"):
        Gradients()(1.0, pool, generator=Generator())
    images = Pool.of(torch.zeros(2, 1, 8, 8), progress=False)
    with pytest.raises(ValueError, match=r"are 21,699 numbers a point, more than the 10,000 .* sketch them"):
        Gradients(None)(TrainedNetwork(SmallCNN(3)), images, generator=Generator())
    broken = Pool.of(X.index_fill(0, torch.tensor([1]), torch.nan), progress=False)
    with pytest.raises(ValueError, match="1 of 7 points hold NaN"):
        broken.scan(Gradients(8)(belief, broken, generator=Generator()))
