"""Dirichlet processes against GPyTorch's own, the card's numbers and the laws."""

import gpytorch
import pytest
import torch
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import RBFKernel, ScaleKernel
from gpytorch.likelihoods import DirichletClassificationLikelihood
from gpytorch.means import ConstantMean
from torch import Generator, Tensor
from torch.distributions import Categorical

from bayesal.networks.standardise import Standardise
from bayesal.posteriors.dirichlet_gp import DirichletGP
from bayesal.posteriors.processes.conditioned import Conditioned, Level
from bayesal.posteriors.processes.dirichlet_fit import log_evidence
from bayesal.posteriors.processes.kernels import Stationary
from bayesal.testing import check_posterior
from bayesal.types import Moments

DRAWS = 4_000


def seed(number: int) -> Generator:
    return Generator().manual_seed(number)


class Theirs(gpytorch.models.ExactGP):
    """The GPyTorch tutorial's model, with our kernel and the mean that the centring of targets amounts to."""

    def __init__(self, inputs: Tensor, labels: Tensor, kernel: Stationary, num_classes: int):
        likelihood = DirichletClassificationLikelihood(labels, alpha_epsilon=0.01, dtype=torch.float64)
        super().__init__(inputs, likelihood.transformed_targets, likelihood)
        batch = torch.Size([num_classes])
        self.mean_module = ConstantMean(batch_shape=batch)
        self.covar_module = ScaleKernel(RBFKernel(batch_shape=batch), batch_shape=batch)
        self.double()
        self.mean_module.initialize(constant=likelihood.transformed_targets.mean())
        self.covar_module.base_kernel.lengthscale = kernel.lengths[:, :1, None].expand(num_classes, 1, 1)
        self.covar_module.outputscale = kernel.amplitude.expand(num_classes)

    def forward(self, x):
        return MultivariateNormal(self.mean_module(x), self.covar_module(x))


@pytest.fixture(scope="module")
def fitted():
    inputs = torch.randn(50, 3, generator=seed(0), dtype=torch.float64)
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.3).long()
    return inputs, labels, DirichletGP.fit(inputs, labels, generator=seed(1), num_classes=3, num_frequencies=512)


def test_targets_and_noise_are_the_cards(fitted):
    _, labels, belief = fitted
    own = torch.nn.functional.one_hot(labels, 3).T.bool()
    level = (-0.334142 - 2 * 6.912730) / 3  # what targets are counted from
    targets, noise = belief.process.targets + level, belief.process.noise
    torch.testing.assert_close(targets[own], torch.full((50,), -0.334142).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(targets[~own], torch.full((100,), -6.912730).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(noise[own], torch.full((50,), 0.688184).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(noise[~own], torch.full((100,), 4.615121).double(), atol=1e-6, rtol=0)


def test_draws_have_gpytorchs_joint_moments(fitted):
    inputs, labels, belief = fitted
    theirs = Theirs(inputs, labels, belief.process.kernel, 3).eval()
    some = torch.cat([inputs[:2], torch.randn(4, 3, generator=seed(3), dtype=torch.float64)])
    with torch.no_grad(), gpytorch.settings.fast_computations(False, False, False):
        joint = theirs(some)
        mean, covariance = joint.mean - theirs.mean_module.constant[:, None], joint.covariance_matrix
    torch.testing.assert_close(belief.process.mean(some), mean, atol=1e-6, rtol=0)
    torch.testing.assert_close(belief.process.covariance(some, some), covariance, atol=1e-6, rtol=0)
    values = belief.draw(DRAWS, generator=seed(0)).paths[0](some)
    torch.testing.assert_close(values.mean(-1), mean, atol=0.15, rtol=0)
    centred = values - values.mean(-1, keepdim=True)
    torch.testing.assert_close(centred @ centred.mT / DRAWS, covariance, atol=0.25, rtol=0.05)


def test_the_evidence_is_gpytorchs(fitted):
    inputs, labels, belief = fitted
    process = belief.process
    theirs = Theirs(inputs, labels, process.kernel, 3).train()
    with torch.no_grad(), gpytorch.settings.fast_computations(False, False, False):
        expected = theirs.likelihood(theirs(inputs)).log_prob(theirs.train_targets).sum()
    torch.testing.assert_close(log_evidence(process.kernel, inputs, process.targets, process.noise), expected)


def test_the_fit_is_a_maximum_of_evidence_and_prior(fitted):
    inputs, _, belief = fitted
    process, kernel = belief.process, belief.process.kernel
    median = torch.pdist(inputs).median()

    def objective(length: float, amplitude: float) -> float:
        lengths, amplitudes = kernel.lengths * length, kernel.amplitude * amplitude
        evidence = log_evidence(Stationary(lengths, amplitudes), inputs, process.targets, process.noise)
        prior = (lengths[0, 0] / median).log() ** 2 + (amplitudes[0] / process.targets.square().mean()).log() ** 2
        return float(evidence - prior / 2)

    best = objective(1, 1)
    assert all(objective(*moved) < best for moved in [(1.1, 1), (0.9, 1), (1, 1.2), (1, 0.8)])


def test_the_mean_of_many_draws_is_the_softmax_of_the_closed_form(fitted):
    inputs, _, belief = fitted
    some = inputs[:5]
    mean, spread = belief.process.mean(some).T, belief.process.variance(some).T.sqrt()
    noise = torch.randn(100_000, 5, 3, generator=seed(1), dtype=torch.float64)
    expected = (mean + spread * noise).softmax(-1)
    probs = belief.draw(DRAWS, generator=seed(0))(some).probs
    error = (probs.var(1) / DRAWS + expected.var(0) / 100_000).sqrt()
    assert ((probs.mean(1) - expected.mean(0)).abs() <= 4 * error + 2e-3).all()  # and the error of the waves


def test_without_labels_all_classes_are_equally_probable():
    kernel = Stationary(torch.ones(1, 2).double(), torch.ones(1).double())
    nothing = torch.zeros(4, 0, dtype=torch.float64)
    level = Level(torch.zeros(4, dtype=torch.float64))
    process = Conditioned(kernel, level, torch.zeros(0, 2, dtype=torch.float64), nothing, nothing + 1)
    belief = DirichletGP(process, num_frequencies=128)
    check_posterior(belief, torch.randn(5, 2, generator=seed(0)))
    probs = belief.draw(DRAWS, generator=seed(0))(torch.randn(3, 2, generator=seed(1))).probs.mean(1)
    torch.testing.assert_close(probs, torch.full((3, 4), 0.25).double(), atol=0.02, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("extra", [{}, {"ard": True, "per_class": True, "smoothness": 2.5}], ids=["shared", "own"])
def test_the_belief_keeps_the_laws(dtype: torch.dtype, extra: dict):
    inputs = torch.randn(30, 1, 3, 2, generator=seed(0), dtype=dtype)
    labels = (inputs[:, 0, 0, 0] > 0).long()
    scale = Standardise.of(inputs, torch.float64)
    belief = DirichletGP.fit(inputs, labels, scale=scale, generator=seed(1), num_classes=3, num_fit=20, **extra)
    check_posterior(belief, inputs[:9])
    assert not isinstance(belief, Moments)
    assert {"first.mean", "inputs", "targets", "noise", "lengths", "amplitude"} == belief.state.keys() - {"first.scale"}
    assert belief.draw(1, generator=seed(0))(inputs[:0]).batch_shape == (0, 1)


@pytest.mark.parametrize(
    ("inputs", "labels", "num_classes"),
    [
        (torch.ones(1, 2), torch.tensor([1]), 3),
        (torch.randn(6, 2), torch.full((6,), 2), 3),
        (torch.zeros(5, 2), torch.tensor([0, 1, 0, 1, 1]), 2),
        (torch.randn(12, 30), torch.arange(12) % 10, 10),
    ],
    ids=["1 label", "1 class", "same points", "12 of 10"],
)
def test_a_few_odd_labels_are_enough(inputs: Tensor, labels: Tensor, num_classes: int):
    belief = DirichletGP.fit(inputs, labels, generator=seed(0), num_classes=num_classes)
    drawn = belief.draw(200, generator=seed(0))(inputs)
    assert isinstance(drawn, Categorical)
    assert drawn.probs.shape == (len(inputs), 200, num_classes)
    if len(labels.unique()) == 1:  # the class that was seen leads where it was seen, and others stay possible
        mean = drawn.probs.mean(1)
        assert (mean.argmax(-1) == labels).all()
        assert mean.min() > 0.001


def test_bad_labels_settings_and_inputs_are_refused(fitted):
    inputs, labels, belief = fitted
    with pytest.raises(ValueError, match="use VariationalGP"):
        DirichletGP.fit(inputs, labels, generator=seed(0), num_classes=3, max_labels=49)
    with pytest.raises(ValueError, match="needs 1 to 4000 labels"):
        DirichletGP.fit(inputs[:0], labels[:0], generator=seed(0), num_classes=3)
    with pytest.raises(ValueError, match=r"classes 0 \.\.\. 1"):
        DirichletGP.fit(inputs, labels, generator=seed(0), num_classes=2)
    with pytest.raises(ValueError, match="alpha must be positive"):
        DirichletGP.fit(inputs, labels, generator=seed(0), num_classes=3, alpha=0.0)
    with pytest.raises(ValueError, match="num_hypotheses is 0"):
        belief.draw(0, generator=seed(0))
    with pytest.raises(ValueError, match="must have the shape"):
        belief.draw(1, generator=seed(0))(torch.randn(3, 1))
    with pytest.raises(ValueError, match="1 of 50 points hold NaN"):
        DirichletGP.fit(inputs.where(inputs != inputs[3, 1], torch.nan), labels, generator=seed(0), num_classes=3)
