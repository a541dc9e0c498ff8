"""Scores by gradient norms, of whole networks and of last layers, against one backward pass a point."""

import copy
from functools import partial

import pytest
import torch
from torch import Generator, Tensor, nn

from bayesal import Pool, methods
from bayesal.learning.losses import CrossEntropy
from bayesal.likelihoods import bernoulli, categorical, dense_categorical, gaussian
from bayesal.networks import MLP, SmallCNN
from bayesal.posteriors import DeepEnsemble, LastLayerLaplace, MCDropout, TrainedNetwork
from bayesal.views import GradNorm

REDUCTIONS = {"sum_of_norms": lambda norms: norms.sum(), "global_norm": lambda norms: norms.norm()}


def made(build, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build().eval()


def pool_of(inputs: Tensor, chunk_size: int = 3) -> Pool:
    return Pool.of(inputs, chunk_size=chunk_size, progress=False)


def scores_of(view: GradNorm, belief, inputs: Tensor, chunk_size: int = 3) -> Tensor:
    pool = pool_of(inputs, chunk_size)
    return pool.scan(view(belief, pool, generator=Generator().manual_seed(0)))


def norms_of(network: nn.Module, point: Tensor, loss) -> Tensor:
    """Of the gradient in each tensor of weights that has one."""
    network = copy.deepcopy(network)
    loss(network(point[None])[0]).backward()
    return torch.stack([p.grad.norm() for p in network.parameters() if p.grad is not None])


def entropy(z: Tensor) -> Tensor:
    return -(z.softmax(0) * z.log_softmax(0)).sum(0).mean()


def expected(network: nn.Module, point: Tensor, score: str, reduction: str) -> float:
    length = REDUCTIONS[reduction]
    if score in ("entropy", "expected"):
        return float(length(norms_of(network, point, entropy)))
    with torch.no_grad():
        p = network(point[None])[0].softmax(0)
    of_label = [norms_of(network, point, lambda z, c=c: -z.log_softmax(0)[c]) for c in range(len(p))]
    if score == "fisher_trace":
        return float(sum(q * norms.square().sum() for q, norms in zip(p, of_label, strict=True)))
    return float(sum(q * length(norms) for q, norms in zip(p, of_label, strict=True)))


def test_the_worked_numbers() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 3)).double()
    values = [
        [[1, -0.5], [0.25, 0.75]],
        [0, 0.1],
        [[1, -1], [0.5, 0.5], [-1.5, 0.5]],
        [0, 0, 0],
    ]
    with torch.no_grad():
        for parameter, value in zip(network.parameters(), values, strict=True):
            parameter.copy_(torch.tensor(value))
    point = torch.tensor([[0.6, -0.4]], dtype=torch.float64)
    belief = TrainedNetwork(network)
    assert belief.embed(point)[0].tolist() == pytest.approx([0.664037, -0.0499584], abs=5e-7)
    assert float(scores_of(GradNorm(), belief, point)) == pytest.approx(0.923958, abs=5e-7)
    assert float(scores_of(GradNorm(reduction="global_norm"), belief, point)) == pytest.approx(0.478728, abs=5e-7)
    each = [0.233253, 0.323464, 0.146797, 0.220444]
    assert norms_of(network, point[0], entropy).tolist() == pytest.approx(each, abs=5e-7)
    last = scores_of(GradNorm(parameters="last"), belief, point)
    assert float(last) == pytest.approx(each[2] + each[3], abs=1e-6)


@pytest.mark.parametrize("score", ["entropy", "expected", "egl", "fisher_trace"])
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("kind", ["table", "images"])
def test_scores_are_those_of_one_backward_pass_a_point(score: str, reduction: str, kind: str) -> None:
    build = SmallCNN if kind == "images" else MLP
    network = made(partial(SmallCNN, 3) if build is SmallCNN else partial(MLP, 4, 3, hidden=(6,))).double()
    shape = (1, 8, 8) if kind == "images" else (4,)
    inputs = torch.randn(5, *shape, generator=Generator().manual_seed(1)).double()
    exact = [expected(network, point, score, reduction) for point in inputs]
    for belief in (TrainedNetwork(network), MCDropout(network)):
        found = scores_of(GradNorm(score, "all", reduction), belief, inputs)
        assert found.dtype == torch.float64
        assert found.tolist() == pytest.approx(exact, rel=1e-10)


@pytest.mark.parametrize("score", ["entropy", "egl", "fisher_trace"])
def test_all_that_is_trained_may_be_the_last_layer(score: str) -> None:
    network, inputs = made(lambda: MLP(4, 3, hidden=(6,))).double(), torch.eye(4).double()
    network.body.requires_grad_(False)
    for reduction in REDUCTIONS:
        everything, last = (
            scores_of(GradNorm(score, parameters, reduction), TrainedNetwork(network), inputs)
            for parameters in ("all", "last")
        )
        torch.testing.assert_close(everything, last, rtol=1e-10, atol=1e-12)


def test_a_head_without_a_bias_has_no_gradient_in_it() -> None:
    network, inputs = made(lambda: nn.Linear(4, 3, bias=False)).double(), torch.eye(4).double()
    belief = TrainedNetwork(network)
    everything, last = (scores_of(GradNorm("egl", parameters), belief, inputs) for parameters in ("all", "last"))
    torch.testing.assert_close(everything, last, rtol=1e-10, atol=1e-12)


def test_the_score_of_several_networks_is_the_mean_of_theirs() -> None:
    networks = [made(lambda: MLP(4, 3, hidden=(6,)), seed) for seed in range(3)]
    inputs = torch.randn(5, 4, generator=Generator().manual_seed(1))
    for view in (GradNorm(), GradNorm("egl", "last")):
        each = [scores_of(view, TrainedNetwork(network), inputs) for network in networks]
        torch.testing.assert_close(scores_of(view, DeepEnsemble(networks), inputs), torch.stack(each).mean(0))


def test_scores_of_maps_are_of_the_mean_entropy_of_their_places() -> None:
    network = made(lambda: nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(4, 3, 1)))
    network = network.double()
    inputs = torch.randn(4, 2, 5, 6, generator=Generator().manual_seed(1)).double()
    belief = TrainedNetwork(network, dense_categorical)
    exact = [float(norms_of(network, point, entropy).sum()) for point in inputs]
    assert scores_of(GradNorm(), belief, inputs).tolist() == pytest.approx(exact, rel=1e-10)
    with pytest.raises(ValueError, match="the last layer are of one label a point"):
        scores_of(GradNorm(parameters="last"), belief, inputs)


def test_one_logit_is_that_of_the_second_of_two_classes() -> None:
    network, inputs = made(lambda: MLP(4, 1, hidden=(6,))).double(), torch.eye(4).double()

    def uncertain(z: Tensor) -> Tensor:
        return torch.distributions.Bernoulli(logits=z[0]).entropy()

    found = scores_of(GradNorm(), TrainedNetwork(network), inputs)
    assert found.tolist() == pytest.approx([float(norms_of(network, x, uncertain).sum()) for x in inputs], rel=1e-9)
    last = scores_of(GradNorm(parameters="last"), TrainedNetwork(network), inputs)
    assert last.tolist() == pytest.approx([float(norms_of(network, x, uncertain)[-2:].sum()) for x in inputs], rel=1e-9)


class Shifted(nn.Module):
    """The same network with its classes in another order, and a number added to all logits."""

    def __init__(self, network: nn.Module, order: list[int]) -> None:
        super().__init__()
        self.network, self.order = network, order

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)[:, self.order] + 7


def test_the_order_of_classes_and_a_shift_of_logits_change_nothing_and_uniform_ones_score_0() -> None:
    network, inputs = made(lambda: MLP(4, 3, hidden=(6,))).double(), torch.eye(4).double()
    for view in (GradNorm(), GradNorm("egl"), GradNorm("fisher_trace")):
        scores = scores_of(view, TrainedNetwork(network), inputs)
        torch.testing.assert_close(scores_of(view, TrainedNetwork(Shifted(network, [2, 0, 1])), inputs), scores)
    nn.init.zeros_(network.head.weight)
    nn.init.ones_(network.head.bias)
    assert float(scores_of(GradNorm(), TrainedNetwork(network), inputs).max()) < 1e-14
    assert float(scores_of(GradNorm("egl"), TrainedNetwork(network), inputs).min()) > 0.1


def test_unused_heads_and_frozen_layers_count_for_nothing() -> None:
    class Idle(MLP):
        def __init__(self) -> None:
            super().__init__(4, 3, hidden=(6,))
            self.idle = nn.Linear(4, 4)

    network, inputs = made(Idle).double(), torch.eye(4).double()
    network.body[0].weight.requires_grad_(False)
    found = scores_of(GradNorm(), TrainedNetwork(network), inputs)
    assert found.tolist() == pytest.approx([float(norms_of(network, x, entropy).sum()) for x in inputs], rel=1e-10)


def test_nearly_certain_points_are_told_apart_in_float32() -> None:
    network = made(lambda: MLP(4, 3, hidden=(6,)))
    inputs = torch.randn(20, 4, generator=Generator().manual_seed(1))
    with torch.no_grad():
        network.head.weight.mul_(100)
    single = scores_of(GradNorm(), TrainedNetwork(network), inputs)
    double = scores_of(GradNorm(), TrainedNetwork(copy.deepcopy(network).double()), inputs)
    assert float(double.min()) < 1e-12
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=0)


def test_a_belief_that_draws_and_embeds_has_last_layer_scores() -> None:
    network = made(lambda: MLP(4, 3, hidden=(6,)))
    inputs = torch.randn(40, 4, generator=Generator().manual_seed(1))
    laplace = LastLayerLaplace.fit(
        network, inputs, torch.arange(40) % 3, loss=CrossEntropy(), generator=Generator().manual_seed(0), precision=1.0
    )
    probabilities = laplace.draw(50, generator=Generator().manual_seed(0))(inputs).probs.mean(1)
    view = GradNorm("egl", "last", "global_norm", 50)
    lengths = (laplace.embed(inputs).square().sum(1) + 1).sqrt()
    residuals = (probabilities[:, None] - torch.eye(3)).norm(dim=2)
    torch.testing.assert_close(
        scores_of(view, laplace, inputs, 64).double(),
        (probabilities * residuals).sum(1) * lengths,
        rtol=1e-4,
        atol=1e-6,
    )
    with pytest.raises(ValueError, match=r"LastLayerLaplace has no network .* take the last layer alone"):
        scores_of(GradNorm(), laplace, inputs)


def test_other_tasks_and_settings_get_a_sentence() -> None:
    network, inputs = made(lambda: MLP(4, 2)), torch.eye(4)
    for likelihood, kind in ((gaussian, "Normal"), (bernoulli, "Independent")):
        with pytest.raises(ValueError, match=f"of one label among classes, but the model predicts {kind}"):
            scores_of(GradNorm("egl"), MCDropout(network, likelihood), inputs)
    for settings in ({"score": "margin"}, {"parameters": "first"}, {"reduction": "mean"}):
        with pytest.raises(ValueError, match="must be one of"):
            GradNorm(**settings)
    with pytest.raises(ValueError, match="float has no network"):
        scores_of(GradNorm(), 1.0, inputs)
    broken = MLP(4, 3)
    nn.init.constant_(broken.head.weight, torch.inf)
    with pytest.raises(ValueError, match="outputs are NaN or infinite for 3 of 3 points"):
        scores_of(GradNorm(), TrainedNetwork(broken, categorical), inputs)


def test_chunks_change_nothing_and_an_empty_pool_has_no_scores() -> None:
    belief = MCDropout(made(lambda: SmallCNN(3)))
    inputs = torch.randn(20, 1, 8, 8, generator=Generator().manual_seed(1))
    for view in (GradNorm(), GradNorm("egl", "last")):
        torch.testing.assert_close(scores_of(view, belief, inputs, 7), scores_of(view, belief, inputs, 20))
        assert scores_of(view, belief, inputs[:0]).shape == (0,)


@pytest.mark.parametrize("name", ["gradnorm_expected", "gradnorm_entropy", "egl", "fisher_trace"])
def test_methods_take_the_highest_scores(name: str) -> None:
    belief = MCDropout(made(lambda: MLP(4, 3, hidden=(6,))))
    inputs = torch.randn(20, 4, generator=Generator().manual_seed(1))
    for parameters in ("all", "last"):
        strategy = getattr(methods, name)(parameters)
        selection = strategy(belief, pool_of(inputs), 4, generator=Generator())
        scores = scores_of(strategy.view, belief, inputs)
        assert list(selection.ids) == scores.argsort(descending=True, stable=True)[:4].tolist()
        assert torch.equal(selection.scores, scores[selection.positions])
