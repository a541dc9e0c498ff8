"""Beliefs as BoTorch models: exact averages over functions, wherever a candidate stands, and BoTorch's own numbers."""

import math
from dataclasses import dataclass

import gpytorch
import pytest
import torch
from botorch.acquisition import (
    LogExpectedImprovement,
    PosteriorStandardDeviation,
    UpperConfidenceBound,
    qExpectedImprovement,
    qNegIntegratedPosteriorVariance,
    qUpperConfidenceBound,
)
from botorch.acquisition.bayesian_active_learning import qBayesianActiveLearningByDisagreement
from botorch.acquisition.logei import qLogExpectedImprovement, qLogNoisyExpectedImprovement
from botorch.acquisition.objective import ExpectationPosteriorTransform
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf, optimize_acqf_discrete
from botorch.sampling import IIDNormalSampler
from torch import Generator, Tensor, nn
from torch.distributions import Normal

from bayesal.integrations.botorch import FunctionsModel, MixtureModel, MomentsModel, NegIntegratedVariance
from bayesal.likelihoods import categorical, gaussian
from bayesal.networks import MLP, SmallCNN
from bayesal.posteriors import DeepEnsemble, ExactGP, MCDropout

BOUNDS = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*has known numerical issues"
)  # of qEI, whose values are plain to check


def ensemble(members: int = 4) -> DeepEnsemble:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return DeepEnsemble([MLP(2, 2, hidden=(16,)) for _ in range(members)], gaussian)


def dropout() -> MCDropout:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MCDropout(MLP(2, 2, hidden=(16,), dropout=0.3), gaussian)


def model(posterior: MCDropout | DeepEnsemble, count: int = 16) -> FunctionsModel:
    return FunctionsModel.of(posterior, count, generator=Generator().manual_seed(0))


def points(*shape: int) -> Tensor:
    return torch.rand(*shape, 2, generator=Generator().manual_seed(1), dtype=torch.float64)


def values(posterior: MCDropout | DeepEnsemble, X: Tensor, count: int = 16) -> Tensor:
    """K n, by the hypotheses themselves."""
    hypotheses = posterior.draw(count, generator=Generator().manual_seed(0))
    predictions = hypotheses(X)
    assert isinstance(predictions, Normal)
    return predictions.loc.double().T


@pytest.mark.parametrize("make", [ensemble, dropout])
def test_improvement_is_the_exact_average_over_the_functions(make) -> None:
    X, best = points(5, 3), 0.05
    improvement = qExpectedImprovement(model(make()), best_f=best)(X)
    for x, found in zip(X, improvement, strict=True):
        expected = (values(make(), x).amax(1) - best).clamp_min(0).mean()
        assert found.item() == pytest.approx(expected.item(), abs=1e-7)


@pytest.mark.parametrize("make", [ensemble, dropout])
def test_a_candidate_is_worth_the_same_wherever_it_stands(make) -> None:
    X = points(6, 3)
    told = model(make())
    acquisition = qExpectedImprovement(told, best_f=0.0)
    alone = torch.cat([acquisition(x) for x in X])
    torch.testing.assert_close(acquisition(X), alone, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(acquisition(X.flip(0)).flip(0), alone, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(acquisition(X[:, [2, 0, 1]]), alone, rtol=1e-6, atol=1e-8)
    same = X[:1].expand(6, 3, 2)
    assert len(acquisition(same).unique()) == 1
    deep = acquisition.model.posterior(X.view(2, 3, 3, 2)).values
    assert deep.shape == (2, 3, len(values(make(), X[0])), 3, 1)


def test_the_standard_deviation_is_that_over_the_members() -> None:
    X = points(7, 1)
    expected = values(ensemble(), X.squeeze(1)).std(0, correction=1)
    torch.testing.assert_close(PosteriorStandardDeviation(model(ensemble()))(X), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [ensemble, dropout])
@pytest.mark.parametrize(
    "acquire",
    [
        lambda told: qLogExpectedImprovement(told, best_f=0.0),
        lambda told: qUpperConfidenceBound(told, beta=2.0),
        lambda told: qLogNoisyExpectedImprovement(told, X_baseline=points(4)),
        lambda told: UpperConfidenceBound(told, beta=2.0),
        lambda told: LogExpectedImprovement(told, best_f=0.0),
        lambda told: PosteriorStandardDeviation(told),
        lambda told: NegIntegratedVariance(told, points(20), noise=0.1),
    ],
    ids=["qlogei", "qucb", "qlognei", "ucb", "logei", "sd", "nipv"],
)
def test_candidates_are_found_by_gradients(make, acquire) -> None:
    acquisition = acquire(model(make()))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found, value = optimize_acqf(
            acquisition, BOUNDS, q=1, num_restarts=2, raw_samples=8, options={"maxiter": 10, "seed": 0}
        )
    assert found.shape == (1, 2)
    start = acquisition(points(64, 1)).max()
    assert value.item() >= start.item() - 0.05 * start.abs().item()


def test_the_best_of_a_list_is_the_best_of_the_list() -> None:
    acquisition, choices = qUpperConfidenceBound(model(ensemble()), beta=2.0), points(30)
    with torch.no_grad():
        found, _ = optimize_acqf_discrete(acquisition, q=1, choices=choices)
        assert torch.equal(found[0], choices[acquisition(choices.unsqueeze(1)).argmax()])


def test_classes_and_images_become_probabilities() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        posterior = MCDropout(SmallCNN(3), categorical)
    told = FunctionsModel.of(posterior, 5, generator=Generator().manual_seed(0), num_outputs=3, point_shape=(1, 8, 8))
    X = torch.rand(2, 4, 64, generator=Generator().manual_seed(0), dtype=torch.float64)
    outcomes = told.posterior(X).values
    assert outcomes.shape == (2, 5, 4, 3)
    torch.testing.assert_close(outcomes.sum(-1), torch.ones(2, 5, 4, dtype=torch.float64), rtol=1e-5, atol=1e-5)
    assert torch.equal(told.posterior(X, output_indices=[1]).values, outcomes[..., [1]])
    with pytest.raises(ValueError, match="announced with num_outputs=1, but its functions have 3"):
        FunctionsModel.of(posterior, 5, generator=Generator(), point_shape=(1, 8, 8)).posterior(X)
    with pytest.raises(ValueError, match="noise cannot be enumerated; use MixtureModel"):
        told.posterior(X, observation_noise=True)


def test_a_transformed_posterior_is_transformed() -> None:
    X = points(3, 2)
    told = model(ensemble())
    transform = ExpectationPosteriorTransform(n_w=2)
    moments = MomentsModel(pair()[0])
    assert moments.posterior(X, posterior_transform=transform).mean.shape == (3, 1, 1)
    assert told.posterior(X, posterior_transform=lambda posterior, X: (posterior, X))[1] is X


def test_disagreement_of_the_mixture_is_bald() -> None:
    posterior, X = ensemble(), points(5)
    told = MixtureModel.of(posterior, 4, example=X, generator=Generator().manual_seed(0))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        acquisition = qBayesianActiveLearningByDisagreement(told, IIDNormalSampler(torch.Size([4000])))  # type: ignore
        found = acquisition(X.unsqueeze(1))
    predictions = posterior.draw(4, generator=Generator().manual_seed(0))(X)
    assert isinstance(predictions, Normal)
    for n in range(5):
        mean, sd = predictions.loc[n].double(), predictions.scale[n].double()
        grid = torch.linspace(float((mean - 9 * sd).min()), float((mean + 9 * sd).max()), 40_001, dtype=torch.float64)
        parts = Normal(mean, sd).log_prob(grid[:, None])
        mixture = parts.logsumexp(1) - math.log(4)
        entropy = torch.trapezoid(-mixture.exp() * mixture, grid)
        assert found[n].item() == pytest.approx(float(entropy - Normal(mean, sd).entropy().mean()), abs=0.02)
    torch.testing.assert_close(told.posterior(X).mixture_mean.squeeze(-1), predictions.loc.double().mean(1))


@dataclass
class Process:
    """A Gaussian process by its formulas, float64."""

    inputs: Tensor
    targets: Tensor
    noise: float = 0.1

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        return 1.3 * torch.exp(-0.5 * torch.cdist(a, b).square() / 0.4**2)

    def mean(self, inputs: Tensor, /) -> Tensor:
        return self.kernel(inputs, self.inputs) @ self.solve(self.targets[:, None])[:, 0]

    def covariance(self, inputs: Tensor, others: Tensor, /) -> Tensor:
        explained = self.kernel(inputs, self.inputs) @ self.solve(self.kernel(self.inputs, others))
        return self.kernel(inputs, others) - explained

    def solve(self, values: Tensor) -> Tensor:
        eye = torch.eye(len(self.inputs), dtype=torch.float64)
        return torch.linalg.solve(self.kernel(self.inputs, self.inputs) + self.noise * eye, values)


def pair() -> tuple[Process, SingleTaskGP]:
    """The same process by hand and by BoTorch."""
    X = points(8)
    y = X.sin().sum(1)
    kernel = gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
    peer = SingleTaskGP(
        X, y[:, None], covar_module=kernel, mean_module=gpytorch.means.ZeroMean(), outcome_transform=None
    )
    kernel.outputscale = 1.3
    kernel.base_kernel.lengthscale = 0.4
    peer.likelihood.noise = 0.1
    return Process(X, y), peer.eval()


def test_moments_are_those_of_botorchs_own_process() -> None:
    process, peer = pair()
    told, X = MomentsModel(process), points(4, 3)
    for noise in (False, True):
        ours, theirs = told.posterior(X, observation_noise=noise), peer.posterior(X, observation_noise=noise)
        torch.testing.assert_close(ours.mean, theirs.mean, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(
            ours.distribution.covariance_matrix, theirs.distribution.covariance_matrix, rtol=1e-6, atol=1e-7
        )
    expected = LogExpectedImprovement(peer, best_f=0.3)(X[:, :1])
    torch.testing.assert_close(LogExpectedImprovement(told, best_f=0.3)(X[:, :1]), expected, rtol=1e-6, atol=1e-8)


def test_variance_left_over_is_botorchs_for_a_gaussian_process() -> None:
    process, peer = pair()
    X, region = points(5, 2), torch.rand(40, 2, generator=Generator().manual_seed(3), dtype=torch.float64)
    ours = NegIntegratedVariance(MomentsModel(process), region)(X)
    torch.testing.assert_close(ours, qNegIntegratedPosteriorVariance(peer, mc_points=region)(X), rtol=1e-6, atol=1e-7)


def test_variance_left_over_of_functions_is_that_of_their_covariance() -> None:
    X, region, noise = points(3, 2), points(6), 0.2
    found = NegIntegratedVariance(model(ensemble()), region, noise=noise)(X)
    for x, left in zip(X, found, strict=True):
        functions = values(ensemble(), torch.cat([x, region]))
        covariance = torch.cov(functions.T)
        gain = torch.linalg.solve(covariance[:2, :2] + noise * torch.eye(2), covariance[:2, 2:])
        after = covariance[2:, 2:] - covariance[2:, :2] @ gain
        assert left.item() == pytest.approx(-after.diagonal().mean().item(), abs=1e-6)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValueError, match="a DeepEnsemble has no closed-form mean and covariance; draw functions"):
        MomentsModel(ensemble())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="give its variance"):
        NegIntegratedVariance(model(ensemble()), points(3))
    with pytest.raises(ValueError, match="must be positive, but it is 0"):
        NegIntegratedVariance(model(ensemble()), points(3), noise=0.0)
    lone = model(ensemble(), 1)
    with pytest.raises(ValueError, match="at least two functions"):
        NegIntegratedVariance(lone, points(3), noise=0.1)
    classes = MCDropout(nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5)), categorical)
    told = MixtureModel.of(classes, 3, example=points(1), generator=Generator())
    with pytest.raises(ValueError, match="needs one amount a point"):
        told.posterior(points(1, 1))


def test_moments_of_a_process_are_climbed_by_gradients() -> None:
    X = points(10)
    belief = ExactGP.fit(X, X.sin().sum(1), generator=Generator().manual_seed(0))
    acquisition = LogExpectedImprovement(MomentsModel(belief), best_f=1.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        _, value = optimize_acqf(acquisition, BOUNDS, q=1, num_restarts=2, raw_samples=16, options={"maxiter": 20})
    choices = points(200, 1)
    assert value >= acquisition(choices).max() - 1e-6
