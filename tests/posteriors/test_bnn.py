"""Bayesian networks in Pyro: the prior, the likelihoods, the twin without Pyro, and small posteriors."""

from typing import Any

import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer.autoguide import AutoLaplaceApproximation, AutoMultivariateNormal
from torch import Generator, Tensor, nn
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, LogNormal, Normal

from bayesal.learning import BinaryCrossEntropy, CrossEntropy, GaussianLoss, Loss, SoftCrossEntropy, SquaredLoss
from bayesal.networks import MLP, SmallCNN
from bayesal.posteriors import BayesianNetwork, Prior, PyroPosterior
from bayesal.posteriors.pyro_models.drawn import DrawnModel
from bayesal.testing import check_posterior
from bayesal.testing.outputs import numbers


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def points(n: int = 12, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(n, 3, generator=seed(), dtype=dtype)


def network(outputs: int, dtype: torch.dtype = torch.float32) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Dropout(0.5), nn.Linear(5, outputs)).to(dtype)


KINDS: dict[str, tuple[Loss, int, Tensor]] = {
    "classes": (CrossEntropy(), 4, torch.arange(12) % 4),
    "labels": (BinaryCrossEntropy(), 2, torch.stack([torch.arange(12) % 2, torch.arange(12) % 3 // 2], 1).float()),
    "amounts": (SquaredLoss(shift=100.0, scale=20.0), 1, 100 + 20 * points()[:, 0]),
    "amounts with own noise": (GaussianLoss(shift=100.0, scale=20.0), 2, 100 + 20 * points()[:, 0]),
}


def quick(kind: str, dtype: torch.dtype = torch.float32, **settings: Any) -> PyroPosterior:
    loss, outputs, targets = KINDS[kind]
    settings = {"num_steps": 5, **settings}
    targets = targets.to(dtype) if targets.is_floating_point() else targets
    return BayesianNetwork.by_svi(
        network(outputs, dtype), points(dtype=dtype), targets, loss=loss, generator=seed(), **settings
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_the_laws_of_a_posterior(kind: str, dtype: torch.dtype) -> None:
    posterior = quick(kind, dtype)
    assert not [finding for finding in check_posterior(posterior, points()) if finding.warning]
    assert numbers(posterior.draw(2, generator=seed())(points())).dtype == dtype


@pytest.mark.parametrize("kind", KINDS)
def test_the_twin_without_pyro_is_the_model_draw_by_draw(kind: str) -> None:
    posterior = quick(kind, torch.float64, init_scale=0.5)
    told = posterior.draw(6, generator=seed())
    assert not isinstance(told.network, DrawnModel)
    plain = {name.removeprefix("network."): values for name, values in told.states.items()}
    for k in range(6):
        given = {name: values[k] for name, values in plain.items()}
        fn = poutine.trace(pyro.condition(posterior.model, given)).get_trace(points().double()).nodes["label"]["fn"]
        torch.testing.assert_close(numbers(told(points()))[:, k], numbers(fn), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_label_has_the_likelihood_of_the_loss(kind: str) -> None:
    loss, outputs, targets = KINDS[kind]
    model = BayesianNetwork(network(outputs), loss, prior=Prior(hide=("0",)))
    noise = {"label_noise": torch.tensor(0.7)} if isinstance(loss, SquaredLoss) else {}
    with torch.no_grad():
        trace = poutine.trace(pyro.condition(model, {**model.trained, **noise})).get_trace(points(), targets)
        said = -trace.nodes["label"]["fn"].log_prob(targets)
        if isinstance(loss, SquaredLoss):
            loss = SquaredLoss(loss.shift, loss.scale, variance=0.49)
        torch.testing.assert_close(said, loss(network(outputs).eval()(points()), targets))


def test_amounts_and_classes_are_told_in_the_forms_of_the_library() -> None:
    forms: dict[str, type[Distribution]] = {"classes": Categorical, "labels": Independent, "amounts": Normal}
    for kind, form in forms.items():
        assert isinstance(quick(kind).draw(3, generator=seed())(points()), form)
    labels = quick("labels").draw(3, generator=seed())(points())
    assert isinstance(labels, Independent)
    assert isinstance(labels.base_dist, Bernoulli)
    assert 80 < quick("amounts").draw(3, generator=seed())(points()).mean.mean() < 120


def test_the_prior_is_as_wide_as_the_layer_is_narrow() -> None:
    scales = Prior(scale=2.0).scales(network(4))
    assert scales == {"0.weight": 2 / 3**0.5, "0.bias": 2.0, "3.weight": 2 / 5**0.5, "3.bias": 2.0}
    assert set(Prior(scale=2.0, by_fan_in=False).scales(network(4)).values()) == {2.0}
    assert set(Prior(expose=("3",)).scales(network(4))) == {"3.weight", "3.bias"}
    assert set(Prior(hide=("3",)).scales(network(4))) == {"0.weight", "0.bias"}
    assert set(Prior(expose=(nn.Linear,), hide=("0",)).scales(network(4))) == {"3.weight", "3.bias"}
    normalised = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Linear(5, 2))
    assert set(Prior().scales(normalised)) == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert Prior().scales(nn.Conv2d(2, 3, 5))["weight"] == 1 / 50**0.5


def test_what_the_prior_hides_stays_as_it_was() -> None:
    posterior = quick("classes", prior=Prior(expose=("3",)), num_steps=20, learning_rate=0.1)
    told = posterior.draw(4, generator=seed())
    assert {name.removeprefix("network.") for name in told.states} == {"3.weight", "3.bias"}
    inner = told.network.get_submodule("network.0").weight
    assert torch.equal(inner, network(4)[0].weight)  # pyright: ignore
    check_posterior(posterior, points())


def test_the_network_given_is_not_touched() -> None:
    given = MLP(3, 4, hidden=(5,))
    before = {name: value.clone() for name, value in given.state_dict().items()}
    BayesianNetwork.by_svi(given, points(), KINDS["classes"][2], loss=CrossEntropy(), generator=seed(), num_steps=3)
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())
    assert all(parameter.requires_grad for parameter in given.parameters())
    assert given.training
    assert len(pyro.get_param_store()) == 0


def test_convolutions_are_networks_too() -> None:
    images = torch.randn(8, 1, 8, 8, generator=seed())
    posterior = BayesianNetwork.by_svi(
        SmallCNN(3, image_size=8), images, torch.arange(8) % 3, loss=CrossEntropy(), generator=seed(), num_steps=2
    )
    check_posterior(posterior, images, num_hypotheses=4)


def test_one_class_one_label_and_constant_amounts_are_learned() -> None:
    for kind, targets in (("classes", torch.zeros(1).long()), ("amounts", torch.full((1,), 7.0))):
        loss, outputs, _ = KINDS[kind]
        loss = loss.fit(targets)
        posterior = BayesianNetwork.by_svi(
            network(outputs), points(1), targets, loss=loss, generator=seed(), num_steps=3
        )
        check_posterior(posterior, points())


def test_one_weight_of_logistic_regression_by_laplace_and_nuts() -> None:
    """Card numbers: x = 1, y = 1, prior N(0, 1): mode 0.401058, variance there 0.806315; exactly 0.413242, 0.829231."""
    layer = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(layer.weight, 0.3)
    x, y = torch.ones(1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    told = BayesianNetwork.by_svi(
        layer,
        x,
        y,
        loss=BinaryCrossEntropy(),
        generator=seed(),
        guide=AutoLaplaceApproximation,
        num_steps=300,
        learning_rate=0.02,
        annealing=0.0,
    ).draw(4000, generator=seed())(x)
    assert isinstance(told, Independent)
    weights = told.base_dist.logits[0, :, 0]
    assert abs(float(weights.mean()) - 0.401058) < 4 * 0.9 / 4000**0.5 + 0.01
    assert abs(float(weights.var()) - 0.806315) < 0.08
    sampled = (
        BayesianNetwork.by_nuts(
            layer,
            x,
            y,
            loss=BinaryCrossEntropy(),
            generator=seed(),
            num_samples=500,
            warmup=30,
            num_chains=1,
            max_tree_depth=3,
        )
        .state["weight"]
        .flatten()
    )
    assert abs(float(sampled.mean()) - 0.413242) < 0.35
    assert abs(float(sampled.var()) - 0.829231) < 0.45


def test_the_noise_of_amounts_is_learned_and_varies() -> None:
    x = torch.randn(60, 3, generator=seed())
    y = 100 + 20 * (x[:, 0] + 0.2 * torch.randn(60, generator=seed(1)))
    loss = SquaredLoss().fit(y)
    posterior = BayesianNetwork.by_svi(
        nn.Linear(3, 1),
        x,
        y,
        loss=loss,
        generator=seed(),
        guide=AutoMultivariateNormal,
        num_steps=300,
        learning_rate=0.03,
    )
    told = posterior.draw(200, generator=seed())(x)
    assert isinstance(told, Normal)
    assert told.scale[0].std() > 0
    assert 2.5 < told.scale.mean() < 6.5
    assert float((told.mean.mean(1) - 100 - 20 * x[:, 0]).square().mean().sqrt()) < 4
    assert LogNormal(-1.0, 1.0).cdf(torch.tensor(0.2)) > 0.2  # the prior of the noise allows what was found


@pytest.mark.parametrize("annealing", [0.0, 0.9])
def test_few_labels_leave_the_prior(annealing: float) -> None:
    """A weight that no label touches keeps the width of its prior (of an input that is always 0)."""
    x = torch.cat([points(), torch.zeros(12, 1)], 1)
    posterior = BayesianNetwork.by_svi(
        nn.Linear(4, 2),
        x,
        torch.arange(12) % 2,
        loss=CrossEntropy(),
        generator=seed(),
        num_steps=400,
        learning_rate=0.05,
        prior=Prior(scale=2.0),
        annealing=annealing,
    )
    widths = posterior.draw(1000, generator=seed()).states["network.weight"].std(0)
    assert (widths[:, 3] / 1.0 - 1).abs().max() < 0.25
    assert widths[:, :3].max() < 1.0


def test_nuts_is_for_small_networks_and_repeats_with_its_seed() -> None:
    loss, outputs, targets = KINDS["classes"]
    settings: dict[str, Any] = {"num_samples": 4, "warmup": 4, "num_chains": 1, "max_tree_depth": 2}
    one, same = (
        BayesianNetwork.by_nuts(network(outputs), points(), targets, loss=loss, generator=seed(), **settings).state
        for _ in range(2)
    )
    assert all(torch.equal(one[name], same[name]) for name in one)
    with pytest.raises(ValueError, match="NUTS would sample 17540 weights"):
        BayesianNetwork.by_nuts(MLP(3, 4), points(), targets, loss=loss, generator=seed(), **settings)


def test_what_is_no_bayesian_network_is_refused() -> None:
    with pytest.raises(ValueError, match="the loss is a SoftCrossEntropy"):
        BayesianNetwork(network(4), SoftCrossEntropy())
    with pytest.raises(ValueError, match="hides every weight"):
        BayesianNetwork(network(4), CrossEntropy(), prior=Prior(hide=(nn.Linear,)))
    with pytest.raises(ValueError, match="no module named 'head'"):
        BayesianNetwork(network(4), CrossEntropy(), prior=Prior(expose=("head",)))
    with pytest.raises(ValueError, match="must be positive"):
        BayesianNetwork(network(4), CrossEntropy(), prior=Prior(scale=0.0))
