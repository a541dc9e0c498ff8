"""Posteriors of other libraries, or written in haste, with the faults that they are known for: each is caught."""

import copy
from collections.abc import Callable

import gpytorch
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Distribution, Normal

from bayesal.likelihoods import categorical
from bayesal.networks import MLP
from bayesal.posteriors import MCDropout, NetworkHypotheses
from bayesal.testing import LawBroken, check_posterior, examine_posterior

INPUTS = torch.randn(10, 3, generator=Generator().manual_seed(0))


class Calling:
    def __init__(self, act: Callable[[Tensor], Distribution]) -> None:
        self.act = act

    def __call__(self, inputs: Tensor, /) -> Distribution:
        return self.act(inputs)


def network(dropout: float = 0.3) -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(3, 4, hidden=(16,), dropout=dropout)


class LayerWithBatchMask(nn.Module):
    """A "consistent" dropout that keeps the mask of the first batch, a mask a row: baal's."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        mask = torch.rand(x.shape, generator=Generator().manual_seed(self.seed)) > 0.5
        return x * mask / 0.5


class PerRowMasks:
    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        seeds = torch.randint(2**31, (num_hypotheses,), generator=generator).tolist()
        body, head = network().body[:2], network().head

        def act(inputs: Tensor) -> Distribution:
            return Categorical(logits=torch.stack([head(LayerWithBatchMask(s)(body(inputs))) for s in seeds], 1))

        return Calling(act)


class BroadcastLaplace:
    """The samples of a linearised network as laplace-torch takes them: f(x) + L(x) z, one z for all points."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs
        self.covariance = torch.linalg.inv(INPUTS.T @ INPUTS + torch.eye(3))

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        noise = torch.randn(num_hypotheses, self.outputs, generator=generator)

        def act(inputs: Tensor) -> Distribution:
            variance = ((inputs @ self.covariance) * inputs).sum(1)
            rows = torch.eye(self.outputs) + 0.3 * torch.ones(self.outputs, self.outputs).tril(-1)
            scales = variance.sqrt()[:, None, None] * rows
            values = inputs.sum(1)[:, None, None] + torch.einsum("nij,kj->nki", scales, noise)
            return Normal(values.squeeze(-1), 0.1) if self.outputs == 1 else Categorical(logits=values)

        return Calling(act)


class Process(gpytorch.models.ExactGP):
    def __init__(self) -> None:
        super().__init__(INPUTS[:5] + 1, INPUTS[:5].sum(1), gpytorch.likelihoods.GaussianLikelihood())
        self.mean_module = gpytorch.means.ZeroMean()
        self.covar_module = gpytorch.kernels.RBFKernel()

    def forward(self, x: Tensor) -> gpytorch.distributions.MultivariateNormal:
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


class IndependentCalls:
    """A Gaussian process sampled at each call: joint in a call, another function in the next."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        seed = int(torch.randint(2**31, (), generator=generator))
        process = Process().eval()

        def act(inputs: Tensor) -> Distribution:
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(seed)
                return Normal(process(inputs).rsample(torch.Size([num_hypotheses])).T, 0.1)

        return Calling(act)


class IndependentPoints:
    """Draws of the marginals, point by point (GPyTorch's to_data_independent_dist)."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        seed = int(torch.randint(2**31, (), generator=generator))

        def act(inputs: Tensor) -> Distribution:
            noise = torch.randn(len(inputs), num_hypotheses, generator=Generator().manual_seed(seed))
            return Normal(inputs.sum(1, keepdim=True) + noise, 0.1)

        return Calling(act)


class Flipout:
    """Bayes by backprop with a sign flip an example, at prediction."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        seed = int(torch.randint(2**31, (), generator=generator))
        mean = torch.randn(3, 4, generator=Generator().manual_seed(1))

        def act(inputs: Tensor) -> Distribution:
            own = Generator().manual_seed(seed)
            noise = 0.3 * torch.randn(num_hypotheses, 3, 4, generator=own)
            flips = torch.randint(2, (2, len(inputs), num_hypotheses, 4), generator=own) * 2.0 - 1
            perturbed = torch.einsum("nkd,kdc->nkc", inputs[:, None] * flips[0, ..., :3], noise) * flips[1]
            return Categorical(logits=(inputs @ mean)[:, None] + perturbed)

        return Calling(act)


class IdenticalMembers:
    """An ensemble whose members all began, and were trained, with one seed."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        members = [copy.deepcopy(network()).eval() for _ in range(5)]
        return Calling(lambda x: Categorical(logits=torch.stack([member(x) for member in members], 1)))


class DeadDropout:
    """eval() switched the dropout off before prediction."""

    def draw(self, num_hypotheses: int, *, generator: Generator) -> Calling:
        net = network().eval()
        return Calling(lambda x: Categorical(logits=torch.stack([net(x) for _ in range(num_hypotheses)], 1)))


FAULTS = [
    (PerRowMasks(), "order", "points in another order give other answers"),
    (PerRowMasks(), "duplicates", "equal points get different answers from one hypothesis"),
    (BroadcastLaplace(1), "points move apart", "one noise vector is added at all points"),
    (BroadcastLaplace(2), "points move apart", "one noise vector is added at all points"),
    (BroadcastLaplace(4), "points move apart", "one noise vector is added at all points"),
    (IndependentCalls(), "chunks", "chunks of 1 or 7 points give other answers"),
    (IndependentPoints(), "duplicates", "equal points get different answers"),
    (Flipout(), "duplicates", "equal points get different answers"),
    (IdenticalMembers(), "hypotheses differ", "the members are identical"),
    (DeadDropout(), "hypotheses differ", "no dropout is active"),
]


@pytest.mark.parametrize(
    ("broken", "law", "words"), FAULTS, ids=[f"{type(b).__name__}-{law.split()[0]}" for b, law, _ in FAULTS]
)
def test_each_known_fault_is_caught(broken: PerRowMasks, law: str, words: str) -> None:
    with pytest.raises(LawBroken, match=law):
        check_posterior(broken, INPUTS)
    (finding,) = [f for f in examine_posterior(broken, INPUTS) if f.law == law]
    assert not finding.passed
    assert words in finding.sentence


def test_the_faults_do_damage() -> None:
    """The broadcast samples have the right spread at each point, and the wrong dependence between points."""
    posterior = BroadcastLaplace(1)
    predictions = posterior.draw(20_000, generator=Generator().manual_seed(0))(INPUTS)
    assert isinstance(predictions, Normal)
    exact = INPUTS @ posterior.covariance @ INPUTS.T
    found = torch.cov(predictions.loc)
    torch.testing.assert_close(found.diagonal(), exact.diagonal(), rtol=0.05, atol=0)
    assert torch.corrcoef(predictions.loc).min() == pytest.approx(1, abs=1e-4)
    scale = exact.diagonal().sqrt()
    assert (exact / scale / scale[:, None]).min() < -0.5


class Linear:
    """Honest functions of few numbers, that a suspicious mind could take for broadcast noise."""

    def __init__(self, features: int, outputs: int) -> None:
        self.features, self.outputs = features, outputs
        self.layer = nn.Linear(features, outputs, bias=False)

    def draw(self, num_hypotheses: int, *, generator: Generator) -> NetworkHypotheses:
        weights = torch.randn(num_hypotheses, self.outputs, self.features, generator=generator)
        likelihood = categorical if self.outputs > 1 else lambda outputs: Normal(outputs.squeeze(-1), 0.1)
        return NetworkHypotheses(self.layer, {"weight": weights}, likelihood)


@pytest.mark.parametrize(("features", "outputs"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 2), (2, 3), (4, 3), (50, 10)])
def test_small_linear_models_are_not_suspected(features: int, outputs: int) -> None:
    inputs = torch.randn(12, features, generator=Generator().manual_seed(1))
    check_posterior(Linear(features, outputs), inputs)


def test_what_is_sound_moves_in_many_directions() -> None:
    findings = check_posterior(MCDropout(network()), INPUTS)
    (finding,) = [f for f in findings if f.law == "points move apart"]
    assert int(finding.sentence.rsplit("move in ", 1)[1].split()[0]) > 4
