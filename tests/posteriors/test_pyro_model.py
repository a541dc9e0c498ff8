"""Any Pyro model as a posterior: the laws, what the trace gives, what is left alone, and what is refused."""

import pickle
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import MCMC, NUTS, Predictive
from pyro.infer.autoguide import AutoDelta, AutoNormal
from pyro.nn import PyroModule, PyroSample
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Independent, Normal

from bayesal.acquisitions import bald
from bayesal.posteriors import PyroPosterior
from bayesal.testing import check_posterior


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


def points(n: int = 9, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(n, 3, generator=seed(), dtype=dtype)


def line(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(x.new_zeros(3), 1.0).to_event(1))
    noise = pyro.sample("noise", dist.LogNormal(x.new_zeros(()), 0.1))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(x @ w, noise), obs=y)


def classes(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0).expand([3, 4]).to_event(2))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Categorical(logits=x @ w), obs=y)


def yes_or_no(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0).expand([3]).to_event(1))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Bernoulli(logits=(x * w).sum(-1).squeeze()), obs=y)


def several_labels(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0).expand([3, 4]).to_event(2))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Bernoulli(probs=(x @ w).sigmoid()).to_event(1), obs=y)


def several_amounts(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0).expand([3, 2]).to_event(2))
    return pyro.sample("obs", dist.Normal(x @ w, 0.5).to_event(2), obs=y)


def hierarchical(x: Tensor, y: Tensor | None = None) -> Tensor:
    """Groups in the first column; a plate of groups and one of points, and sites that are no latents."""
    group = (x[:, 0] > 0).long()
    spread = pyro.sample("spread", dist.HalfNormal(1.0))
    with pyro.plate("groups", 2):
        level = pyro.sample("level", dist.Normal(0.0, spread))
    mean = pyro.deterministic("mean", level[group])
    pyro.factor("soft", -spread)
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(mean, 0.3), obs=y)


def prior(model: Callable[..., Any], count: int = 12) -> dict[str, Tensor]:
    """Draws of all sites of the model, padded as Pyro does it; that of the label among them."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Predictive(model, num_samples=count, parallel=False)(points())


def latents(model: Callable[..., Any], count: int = 12) -> dict[str, Tensor]:
    return {site: values for site, values in prior(model, count).items() if site not in ("obs", "mean", "soft")}


def serial(model: Callable[..., Any], samples: dict[str, Tensor], x: Tensor, site: str = "obs") -> list[Any]:
    """The label's distribution draw by draw, by Pyro's own handlers."""
    nodes = poutine.trace(model).get_trace(x).nodes
    shapes = {name: nodes[name]["fn"].shape() for name in samples}
    found = []
    for k in range(len(next(iter(samples.values())))):
        given = {name: values[k].reshape(shapes[name]) for name, values in samples.items()}
        found.append(poutine.trace(pyro.condition(model, given)).get_trace(x).nodes[site]["fn"])
    return found


MODELS = [line, classes, yes_or_no, several_labels, several_amounts, hierarchical]


@pytest.mark.parametrize("model", MODELS)
def test_it_keeps_the_laws_of_a_posterior(model: Callable[..., Any]) -> None:
    warned = [
        f for f in check_posterior(PyroPosterior(model, samples=latents(model), inputs=points()), points()) if f.warning
    ]
    assert not warned


@pytest.mark.parametrize("model", MODELS)
def test_it_tells_what_pyro_tells_draw_by_draw(model: Callable[..., Any]) -> None:
    samples = latents(model)
    told = PyroPosterior(model, samples=samples, inputs=points()).draw(99, generator=seed())(points())
    each = serial(model, samples, points())
    assert told.batch_shape[:2] == (9, 12)
    if model is yes_or_no:
        assert isinstance(told, Categorical)
        torch.testing.assert_close(told.probs[..., 1], torch.stack([one.probs for one in each], 1))
    elif isinstance(told, Categorical):
        torch.testing.assert_close(told.logits, torch.stack([one.logits for one in each], 1))
    else:
        base = told.base_dist if isinstance(told, Independent) else told
        torch.testing.assert_close(base.mean, torch.stack([one.mean for one in each], 1))
        torch.testing.assert_close(base.variance, torch.stack([one.variance for one in each], 1))


def test_one_draw_is_one_function_at_equal_points_and_in_chunks() -> None:
    twice = points().repeat(2, 1)
    told = PyroPosterior(classes, samples=latents(classes), inputs=points()).draw(5, generator=seed())
    everything = told(twice).logits
    assert float((everything[:9] - everything[9:]).abs().max()) == 0.0
    assert torch.equal(torch.cat([told(chunk).logits for chunk in twice.split(9)]), everything)
    alone = torch.cat([told(chunk).logits for chunk in twice.split(1)])
    torch.testing.assert_close(alone, everything, atol=1e-6, rtol=0)


def test_samples_come_each_once_and_never_twice() -> None:
    samples = {"w": torch.arange(6.0)[:, None].expand(6, 3), "noise": torch.ones(6)}
    posterior = PyroPosterior(line, samples=samples, inputs=points())
    one = torch.ones(1, 3) / 3
    for asked, given in ((6, 6), (50, 6), (4, 4), (1, 1)):
        seen = posterior.draw(asked, generator=seed(asked))(one).loc[0]
        assert len(torch.unique(seen.round())) == given == len(seen)
    assert posterior.draw(3, generator=seed())(points()[:0]).batch_shape == (0, 3)


def test_a_guide_draws_from_its_gaussian() -> None:
    guide = AutoNormal(classes, init_scale=0.3)
    guide(points(), torch.arange(9) % 4)
    drawn = PyroPosterior(classes, guide=guide, inputs=points()).draw(4000, generator=seed())
    logits = drawn(torch.eye(3)).logits  # log-softmax of w, row by row
    differences = logits - logits[..., :1]
    loc = guide.median()["w"] - guide.median()["w"][:, :1]
    error = (differences.mean(1) - loc).abs().max()
    assert error < 4 * 0.3 * 2**0.5 / 4000**0.5 * 1.5
    assert ((differences[..., 1:].std(1) / (0.3 * 2**0.5)) - 1).abs().max() < 0.06


def test_a_guide_of_a_model_with_plates_of_latents() -> None:
    with pyro.get_param_store().scope():
        guide = AutoNormal(hierarchical, init_scale=0.1)
        guide(points(), points()[:, 0])
        posterior = PyroPosterior(hierarchical, guide=guide, inputs=points())
    check_posterior(posterior, points())
    assert posterior.label_site == "obs"


@pytest.mark.parametrize("fails", [False, True])
def test_the_store_and_the_generators_are_as_before_also_after_an_error(fails: bool) -> None:
    pyro.clear_param_store()
    guide = AutoNormal(classes, init_scale=0.1)
    guide(points(), torch.arange(9) % 4)
    pyro.param("mine", torch.tensor(3.0))
    store = pyro.get_param_store()
    before, values = dict(store.get_state()["params"]), {n: v.clone() for n, v in store.named_parameters()}
    random = torch.get_rng_state()
    posterior = PyroPosterior(classes, guide=guide, inputs=points())
    if fails:
        with pytest.raises(ValueError, match="fails on points of shape"):
            posterior.draw(3, generator=seed())(torch.ones(2, 7))
        with pytest.raises(ValueError, match="without labels"):
            PyroPosterior(classes, guide=guide, inputs=torch.ones(2, 7))
    else:
        posterior.draw(3, generator=seed())(points())
    assert torch.equal(random, torch.get_rng_state())
    after = store.get_state()["params"]
    assert list(after) == list(before)
    assert all(after[name] is before[name] and torch.equal(after[name], values[name]) for name in before)
    pyro.clear_param_store()


def test_two_guides_of_one_class_do_not_disturb_each_other() -> None:
    with pyro.get_param_store().scope():
        first = AutoNormal(classes, init_scale=0.1)
        first(points(), torch.arange(9) % 4)
        one = PyroPosterior(classes, guide=first, inputs=points())
        expected = one.draw(3, generator=seed())(points()).logits
    second = AutoNormal(classes, init_scale=2.0)
    second(points(), torch.arange(9) % 4)  # the store now holds the names of the first with these values
    other = PyroPosterior(classes, guide=second, inputs=points()).draw(3, generator=seed())(points()).logits
    assert torch.equal(one.draw(3, generator=seed())(points()).logits, expected)
    again = PyroPosterior(classes, guide=first, inputs=points()).draw(3, generator=seed())(points()).logits
    assert torch.equal(again, expected)
    assert not torch.allclose(other, expected)
    pyro.clear_param_store()


def test_training_goes_on_without_changing_what_was_wrapped() -> None:
    with pyro.get_param_store().scope():
        loc = pyro.param("loc", torch.zeros(3, 4))

        def guide(x: Tensor, y: Tensor | None = None) -> None:
            pyro.sample("w", dist.Normal(pyro.param("loc"), 0.1).to_event(2))

        posterior = PyroPosterior(classes, guide=guide, inputs=points())
        expected = posterior.draw(3, generator=seed())(points()).logits
        with torch.no_grad():
            loc += 5.0
        assert torch.equal(posterior.draw(3, generator=seed())(points()).logits, expected)
    assert torch.equal(posterior.draw(3, generator=seed())(points()).logits, expected)
    assert set(posterior.state) == {"loc"}


class Net(PyroModule):
    """A network with priors on its weights, as Pyro's own examples write it, with dropout left on."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = PyroModule[nn.Linear](3, 6)
        self.inner.weight = PyroSample(dist.Normal(0.0, 1.0).expand([6, 3]).to_event(2))
        self.inner.bias = PyroSample(dist.Normal(0.0, 1.0).expand([6]).to_event(1))
        self.dropout = nn.Dropout(0.5)
        self.outer = PyroModule[nn.Linear](6, 4)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        logits = self.outer(self.dropout(torch.tanh(self.inner(x))))
        with pyro.plate("data", len(x)):
            pyro.sample("obs", dist.Categorical(logits=logits), obs=y)
        return logits


def test_networks_of_pyro_run_together_and_in_evaluation_mode() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Net()
    samples = {
        "inner.weight": torch.randn(20, 6, 3, generator=seed()),
        "inner.bias": torch.randn(20, 1, 6, generator=seed()),
    }
    posterior = PyroPosterior(net, samples=samples, inputs=points())
    told = posterior.draw(20, generator=seed())
    assert not [f for f in check_posterior(posterior, points()) if f.warning]
    assert net.training
    assert net.dropout.training
    net.eval()
    one_by_one = Predictive(net, posterior_samples=samples, return_sites=["_RETURN"])(points())["_RETURN"]
    torch.testing.assert_close(told(points()).logits, one_by_one.log_softmax(-1).transpose(0, 1), atol=1e-6, rtol=0)
    assert told._vectorises


def test_a_network_in_a_closure_is_in_evaluation_mode_too() -> None:
    trunk = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))

    def model(x: Tensor, y: Tensor | None = None) -> Tensor:
        w = pyro.sample("w", dist.Normal(0.0, 1.0).expand([5, 2]).to_event(2))
        with pyro.plate("data", len(x)):
            return pyro.sample("obs", dist.Categorical(logits=trunk(x) @ w), obs=y)

    before = [value.clone() for value in trunk.state_dict().values()]
    posterior = PyroPosterior(model, samples={"w": torch.randn(5, 5, 2, generator=seed())}, inputs=points())
    check_posterior(posterior, points())
    assert all(module.training for module in trunk.modules())
    assert all(torch.equal(a, b) for a, b in zip(before, trunk.state_dict().values(), strict=True))


def test_an_mcmc_that_has_run_is_taken_as_it_is() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        chain = MCMC(NUTS(line), num_samples=6, warmup_steps=6, disable_progbar=True)
        chain.run(points(), points()[:, 0])
    posterior = PyroPosterior(line, samples=chain, inputs=points())
    assert set(posterior.state) == {"w", "noise"}
    assert posterior.draw(9, generator=seed())(points()).batch_shape == (9, 6)


def test_hypotheses_travel_and_follow_double_precision() -> None:
    samples = {site: values.double() for site, values in latents(line).items()}
    posterior = PyroPosterior(line, samples=samples, inputs=points(dtype=torch.float64))
    told = posterior.draw(4, generator=seed())
    seen = told(points(dtype=torch.float64))
    assert seen.loc.dtype == torch.float64
    copied = pickle.loads(pickle.dumps(told))
    assert torch.equal(copied(points(dtype=torch.float64)).loc, seen.loc)
    check_posterior(posterior, points())
    assert told((10 * points()).long()).loc.shape == (9, 4)
    assert bool((bald(seen) > 0).all())


def local(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        return pyro.sample("obs", dist.Normal(w + z, 1.0), obs=y)


def mixed(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
    kind = pyro.sample("kind", dist.Bernoulli(0.5), infer={"enumerate": "parallel"})
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(w[kind.long()].expand(len(x)), 1.0), obs=y)


def counts(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Poisson((w * x[:, 0]).exp()), obs=y)


def noisy(x: Tensor, y: Tensor | None = None) -> Tensor:
    w = pyro.sample("w", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(w + torch.randn(len(x)), 1.0), obs=y)


W = {"w": torch.arange(4.0)}
REFUSED: list[tuple[str, Callable[..., Any], dict[str, Any], str]] = [
    ("conditioned", pyro.condition(line, {"obs": torch.zeros(2)}), {"samples": latents(line)}, "has a value although"),
    ("nothing given", line, {}, "either a trained guide or samples"),
    ("a latent a point", local, {"samples": W}, "cannot be told.*'z', 'obs'"),
    ("the same, with the site named", local, {"samples": W, "label_site": "obs"}, "'z' has one value for each point"),
    ("drawn at each point", local, {"samples": {**W, "z": torch.ones(4, 9)}}, "'z' has one value for each point.*tied"),
    ("summed over", mixed, {"samples": {"w": torch.ones(4, 2)}, "label_site": "obs"}, "discrete latent 'kind'"),
    ("counts", counts, {"samples": W}, "is a Poisson"),
    ("missing latent", line, {"samples": {"w": torch.ones(4, 3)}, "label_site": "obs"}, "give the latent 'noise'"),
    ("no such site", line, {"samples": latents(line), "label_site": "y"}, "cannot be told"),
    ("of another model", line, {"samples": {"v": torch.ones(4)}}, "cannot be told"),
    ("unequal numbers", line, {"samples": {"w": torch.ones(4, 3), "noise": torch.ones(5)}}, "same number S"),
    ("not finite", line, {"samples": {"w": torch.ones(4, 3), "noise": torch.ones(4) / 0}}, "'noise' hold NaN"),
    ("another shape", line, {"samples": {"w": torch.ones(4, 5), "noise": torch.ones(4)}}, "'w' have shape"),
    ("a certain guide", line, {"guide": "delta"}, "the same values at every run"),
]


@pytest.mark.parametrize(
    ("model", "settings", "sentence"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_what_is_no_posterior_over_functions_is_refused(
    model: Callable[..., Any], settings: dict[str, Any], sentence: str
) -> None:
    with pyro.get_param_store().scope():
        if settings.get("guide") == "delta":
            guide = AutoDelta(model)
            guide(points(), points()[:, 0])
            settings = {"guide": guide}
        with pytest.raises(ValueError, match=sentence):
            PyroPosterior(model, inputs=points(), **settings)


def test_bad_calls_are_refused() -> None:
    posterior = PyroPosterior(line, samples=latents(line), inputs=points())
    with pytest.raises(ValueError, match="at least one hypothesis"):
        posterior.draw(0, generator=seed())
    told = posterior.draw(2, generator=seed())
    with pytest.raises(ValueError, match="1 of 2 points hold NaN"):
        told(torch.tensor([[1.0, 2.0, 3.0], [1.0, torch.nan, 3.0]]))
    with pytest.raises(ValueError, match="random"):
        PyroPosterior(noisy, samples=W, inputs=points()).draw(2, generator=seed())(points())


def test_the_joint_law_is_that_of_the_latents() -> None:
    """f = Xw with w ~ N(0, 1) of many samples: the covariance between points is XXᵀ."""
    w = torch.randn(20_000, 3, generator=seed(), dtype=torch.float64)
    x = points(4, torch.float64)
    posterior = PyroPosterior(line, samples={"w": w, "noise": torch.ones(20_000, dtype=torch.float64)}, inputs=x)
    told = posterior.draw(20_000, generator=seed())(x)
    assert isinstance(told, Normal)
    torch.testing.assert_close(torch.cov(told.loc), x @ x.T, atol=0.15, rtol=0.05)
