"""Sparse variational processes: bounds, exact limits, and covariances that are the model's own."""

import pytest
import torch
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import MaternKernel, RBFKernel, RQKernel, ScaleKernel
from gpytorch.likelihoods import BernoulliLikelihood, GaussianLikelihood, LaplaceLikelihood, SoftmaxLikelihood
from gpytorch.means import ConstantMean
from gpytorch.models import ApproximateGP
from gpytorch.variational import (
    CholeskyVariationalDistribution,
    DeltaVariationalDistribution,
    IndependentMultitaskVariationalStrategy,
    LMCVariationalStrategy,
    MeanFieldVariationalDistribution,
    VariationalStrategy,
)
from sklearn.datasets import make_moons
from torch import Generator, Tensor, nn
from torch.distributions import Categorical, Independent, Normal

from bayesal.networks.standardise import Standardise
from bayesal.posteriors.processes.elbo import train_inducing_gp
from bayesal.posteriors.variational_gp import VariationalGP, VariationalGPOfAmounts
from bayesal.testing import check_posterior
from bayesal.types import Moments, Noisy

DRAWS = 4_000
QUICK = {"num_steps": 60, "num_inducing": 12, "num_frequencies": 512}


def seed(number: int) -> Generator:
    return Generator().manual_seed(number)


def exact(points: Tensor, targets: Tensor, others: Tensor, length: float, amplitude: float, noise: float):
    """Mean, covariance and log evidence of an exact process, by plain solves."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return amplitude * torch.exp(-(a[:, None] - b[None]).square().sum(-1) / (2 * length**2))

    noisy = kernel(points, points) + noise * torch.eye(len(points), dtype=points.dtype)
    inverse = torch.linalg.inv(noisy)
    mean = kernel(others, points) @ inverse @ targets
    covariance = kernel(others, others) - kernel(others, points) @ inverse @ kernel(points, others)
    zeros = torch.zeros(len(points), dtype=points.dtype)
    return mean, covariance, torch.distributions.MultivariateNormal(zeros, noisy).log_prob(targets)


class Own(ApproximateGP):
    """A user's model: ``num_outputs`` processes with inducing points of their own, or one process."""

    def __init__(
        self, points: Tensor, num_outputs=None, *, q=CholeskyVariationalDistribution, kernel=None, shared=False
    ):
        batch = torch.Size([num_outputs] if num_outputs else [])
        if num_outputs and not shared:
            points = points + 0.1 * torch.randn(num_outputs, *points.shape, generator=seed(1)).to(points)
        strategy = VariationalStrategy(self, points, q(points.shape[-2], batch_shape=batch))
        if num_outputs:
            strategy = IndependentMultitaskVariationalStrategy(strategy, num_tasks=num_outputs)
        super().__init__(strategy)
        self.mean_module = ConstantMean(batch_shape=batch)
        self.covar_module = kernel or ScaleKernel(RBFKernel(batch_shape=batch), batch_shape=batch)

    def forward(self, x):
        return MultivariateNormal(self.mean_module(x), self.covar_module(x))


def trained(model: ApproximateGP, dtype: torch.dtype = torch.float64, num_columns: int = 2) -> ApproximateGP:
    """As if trained: all parameters are moved at random."""
    model.to(dtype)
    model(torch.zeros(1, num_columns, dtype=dtype))
    with torch.no_grad():
        for p, parameter in enumerate(model.parameters()):
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=seed(p), dtype=dtype))
    return model.eval()


@pytest.fixture(scope="module")
def amounts():
    inputs = torch.randn(40, 2, generator=seed(0), dtype=torch.float64)
    labels = 300 + 50 * inputs[:, 0].sin() + 5 * torch.randn(40, generator=seed(1), dtype=torch.float64)
    return inputs, labels, VariationalGP.fit(inputs, labels, generator=seed(2), **QUICK)


@pytest.fixture(scope="module")
def classes():
    inputs = torch.randn(60, 3, generator=seed(0))
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.5).long()
    scale = Standardise.of(inputs, torch.float64)
    return inputs, labels, VariationalGP.fit(inputs, labels, scale=scale, generator=seed(2), num_classes=3, **QUICK)


def test_as_many_inducing_points_as_labels_and_gaussian_noise_give_the_exact_process(amounts):
    inputs, labels, _ = amounts
    belief = VariationalGP.fit(inputs, labels, generator=seed(0), num_inducing=40, num_steps=60)
    kernel = belief.parts[0].kernel
    unit, shift = labels.std(correction=0), labels.mean()
    others = torch.randn(9, 2, generator=seed(3), dtype=torch.float64)
    noise = belief.noise / unit**2
    mean, covariance, _ = exact(
        inputs, (labels - shift) / unit, others, kernel.lengths[0, 0].item(), kernel.amplitude.item(), noise
    )
    torch.testing.assert_close((belief.mean(others) - shift) / unit, mean, atol=1e-3, rtol=0)
    torch.testing.assert_close(belief.covariance(others, others) / unit**2, covariance, atol=1e-3, rtol=0)
    torch.testing.assert_close(belief.variance(others), belief.covariance(others, others).diagonal())


@pytest.mark.parametrize(("num_inducing", "num_steps"), [(1, 1), (5, 1), (5, 60), (40, 60)])
def test_the_bound_is_never_above_the_evidence(amounts, num_inducing: int, num_steps: int):
    inputs, labels, _ = amounts
    targets = (labels - labels.mean()) / labels.std()
    model, likelihood = train_inducing_gp(
        inputs,
        targets,
        features=nn.Identity(),
        num_classes=None,
        num_inducing=num_inducing,
        num_steps=num_steps,
        batch_size=16,
        learning_rate=0.05,
        generator=seed(0),
    )
    with torch.no_grad():
        marginal = model(inputs)
        bound = likelihood.expected_log_prob(targets, marginal).sum() - model.variational_strategy.kl_divergence()
    kernel = model.covar_module
    length, amplitude = kernel.base_kernel.lengthscale.item(), kernel.outputscale.item()
    _, _, evidence = exact(inputs, targets, inputs, length, amplitude, likelihood.noise.item())
    assert bound <= evidence + 1e-4
    if num_inducing == 40:  # nothing is approximated
        assert bound > evidence - 0.01


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("q", [CholeskyVariationalDistribution, MeanFieldVariationalDistribution])
def test_draws_covary_between_points_as_the_users_model_does(q, shared: bool):
    model = trained(Own(torch.randn(6, 2, generator=seed(0)), 3, q=q, shared=shared))
    belief = VariationalGP(model, SoftmaxLikelihood(num_classes=3, mixing_weights=False), num_frequencies=512)
    inputs = torch.randn(4, 2, generator=seed(5), dtype=torch.float64)
    paths = belief.draw(DRAWS, generator=seed(0))
    values = torch.cat([path(inputs) for path in paths.paths]) + belief.prior_mean(inputs)[..., None]  # C N K
    with torch.no_grad():
        joint = model.variational_strategy.base_variational_strategy(inputs)
    torch.testing.assert_close(values.mean(-1), joint.mean, atol=0.06, rtol=0)
    centred = values - values.mean(-1, keepdim=True)
    torch.testing.assert_close(centred @ centred.mT / DRAWS, joint.covariance_matrix, atol=0.08, rtol=0.05)


def test_the_mean_of_many_draws_is_the_models_own_prediction(classes):
    inputs, _, belief = classes
    some = inputs[:5]
    probs = belief.draw(4_000, generator=seed(0))(some).probs
    part, rows = belief.parts[0], belief.rows(some)[0]
    mean, spread = part.expected(rows).T, part.variance(rows).T.sqrt()  # N C
    noise = torch.randn(100_000, *mean.shape, generator=seed(1), dtype=torch.float64)
    expected = (mean + spread * noise).softmax(-1)
    error = (probs.var(1) / 4_000 + expected.var(0) / 100_000).sqrt()
    assert ((probs.mean(1) - expected.mean(0)).abs() <= 4 * error + 2e-3).all()  # and the error of the waves


def test_draws_of_amounts_have_the_closed_form_moments(amounts):
    _, _, belief = amounts
    assert isinstance(belief, Moments)
    assert isinstance(belief, Noisy)
    others = torch.randn(5, 2, generator=seed(4), dtype=torch.float64)
    drawn = belief.draw(DRAWS, generator=seed(0))(others)
    unit2 = belief.variance(others).max()
    torch.testing.assert_close(drawn.loc.mean(1), belief.mean(others), atol=0.04 * unit2.sqrt().item(), rtol=0)
    torch.testing.assert_close(
        torch.cov(drawn.loc),
        belief.covariance(others, others),
        atol=0.05 * unit2.item(),
        rtol=0,
    )
    torch.testing.assert_close(drawn.scale[0, 0].square().item(), belief.noise)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64])
def test_the_belief_keeps_the_laws(amounts, classes, dtype: torch.dtype):
    check_posterior(amounts[2], (3 * amounts[0][:9]).to(dtype) if dtype is torch.int64 else amounts[0][:9].to(dtype))
    check_posterior(classes[2], (3 * classes[0][:9]).to(dtype) if dtype is torch.int64 else classes[0][:9].to(dtype))
    assert not isinstance(classes[2], Moments)  # its functions are logits, not labels


def test_users_models_of_every_kind_keep_the_laws():
    points = torch.randn(6, 2, generator=seed(0))
    inputs = torch.randn(8, 2, generator=seed(5))
    one = trained(Own(points, q=DeltaVariationalDistribution, kernel=MaternKernel(1.5, active_dims=[1])), torch.float32)
    belief = VariationalGP(one, BernoulliLikelihood())
    check_posterior(belief, inputs)
    drawn = belief.draw(1, generator=seed(0))(inputs)
    assert isinstance(drawn, Categorical)
    values = belief.draw(1, generator=seed(0)).paths[0](belief.rows(inputs)[0])[0, :, 0]
    shifted = values + one.mean_module.constant.item()
    torch.testing.assert_close(drawn.probs[:, 0, 1].double(), Normal(0.0, 1.0).cdf(shifted), atol=1e-6, rtol=0)
    several = trained(Own(points, 2), torch.float32)
    check_posterior(VariationalGP(several, GaussianLikelihood()), inputs)
    assert isinstance(VariationalGP(several, GaussianLikelihood()).draw(3, generator=seed(0))(inputs), Independent)
    mixed = SoftmaxLikelihood(num_features=2, num_classes=4)
    assert VariationalGP(several, mixed).draw(3, generator=seed(0))(inputs).logits.shape == (8, 3, 4)


def test_a_users_model_of_amounts_has_its_own_moments():
    model = trained(Own(torch.randn(6, 2, generator=seed(0))))
    belief = VariationalGPOfAmounts(model, GaussianLikelihood(), shift=3.0, unit=2.0)
    inputs = torch.randn(5, 2, generator=seed(1), dtype=torch.float64)
    with torch.no_grad():
        theirs = model(inputs)
    torch.testing.assert_close(belief.mean(inputs), 3 + 2 * theirs.mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(belief.covariance(inputs, inputs), 4 * theirs.covariance_matrix, atol=2e-5, rtol=0)


def test_a_users_model_is_left_as_it_was():
    model = trained(Own(torch.randn(6, 2, generator=seed(0)), 2))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    belief = VariationalGP(model, GaussianLikelihood())
    predicted = belief.draw(3, generator=seed(0))
    inputs = torch.randn(3, 2, generator=seed(1))
    first = predicted(inputs).mean
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    torch.testing.assert_close(predicted(inputs).mean, first, rtol=0, atol=0)
    torch.testing.assert_close(belief.draw(3, generator=seed(0))(inputs).mean, first, rtol=0, atol=0)
    assert before.keys() == model.state_dict().keys()


def test_drawing_is_differentiable_where_the_inputs_ask_for_it(amounts):
    hypotheses = amounts[2].draw(3, generator=seed(0))
    inputs = amounts[0][:2].clone().requires_grad_()
    assert hypotheses(inputs).loc.sum().requires_grad
    assert not hypotheses(amounts[0][:2]).loc.requires_grad


@pytest.mark.parametrize(
    ("inputs", "labels", "num_classes"),
    [
        (torch.ones(1, 2), torch.tensor([1]), 3),
        (torch.randn(6, 2), torch.full((6,), 2), 3),
        (torch.zeros(5, 2), torch.tensor([0, 1, 0, 1, 1]), 2),
        (torch.randn(12, 30), torch.arange(12) % 10, 10),
        (torch.ones(1, 2), torch.tensor([5.0]), None),
        (torch.randn(6, 2), torch.full((6,), 7.0), None),
        (torch.ones(6, 2), torch.randn(6), None),
        (torch.randn(4, 3, 2, 2), torch.randn(4, 1), None),
    ],
    ids=["1 label", "1 class", "same points", "12 of 10", "1 amount", "same amounts", "same inputs", "images"],
)
@pytest.mark.parametrize("extra", [{}, {"ard": True, "per_class": True}], ids=["shared", "own"])
def test_a_few_odd_labels_are_enough(inputs: Tensor, labels: Tensor, num_classes: int | None, extra: dict):
    settings = extra if num_classes else {"ard": bool(extra)}
    belief = VariationalGP.fit(inputs, labels, generator=seed(0), num_classes=num_classes, num_steps=8, **settings)
    drawn = belief.draw(1, generator=seed(0))(torch.randn(4, *inputs.shape[1:], generator=seed(1)))
    assert isinstance(drawn, Normal if num_classes is None else Categorical)
    assert drawn.batch_shape == (4, 1)
    if num_classes is None:
        assert drawn.mean.isfinite().all()
    else:
        assert drawn.probs.shape[-1] == num_classes  # type: ignore[union-attr]


def test_bad_settings_and_inputs_are_refused(amounts):
    inputs, labels, belief = amounts
    with pytest.raises(ValueError, match="num_hypotheses is 0"):
        belief.draw(0, generator=seed(0))
    with pytest.raises(ValueError, match="must have the shape"):
        belief.draw(1, generator=seed(0))(torch.randn(3, 5))
    with pytest.raises(ValueError, match="1 of 3 points hold NaN"):
        belief.mean(torch.tensor([[0.0, 0.0], [torch.nan, 0.0], [1.0, 1.0]]))
    with pytest.raises(ValueError, match="a finite number"):
        VariationalGP.fit(inputs, labels.where(labels > 300, torch.nan), generator=seed(0))
    with pytest.raises(ValueError, match=r"classes 0 \.\.\. 2"):
        VariationalGP.fit(inputs, torch.full((40,), 3), generator=seed(0), num_classes=3)
    with pytest.raises(ValueError, match="one at least"):
        VariationalGP.fit(inputs[:0], labels[:0], generator=seed(0))
    with pytest.raises(ValueError, match="num_steps must be at least 1"):
        VariationalGP.fit(inputs, labels, generator=seed(0), num_steps=0)


def test_models_that_cannot_be_read_are_refused():
    points = torch.randn(4, 2, generator=seed(0))
    with pytest.raises(RuntimeError, match="never trained"):
        VariationalGP(Own(points), GaussianLikelihood())
    with pytest.raises(ValueError, match="RQKernel"):
        VariationalGP(trained(Own(points, kernel=RQKernel())), GaussianLikelihood())
    with pytest.raises(ValueError, match="LaplaceLikelihood"):
        VariationalGP(trained(Own(points)), LaplaceLikelihood())
    with pytest.raises(ValueError, match="SoftmaxLikelihood on 1 output"):
        VariationalGP(trained(Own(points)), SoftmaxLikelihood(num_classes=3, mixing_weights=False))
    with pytest.raises(ValueError, match=r"3 output\(s\) with a GaussianLikelihood"):
        VariationalGPOfAmounts(trained(Own(points, 3)), GaussianLikelihood())
    other = Own(points, 3)
    other.variational_strategy = LMCVariationalStrategy(
        other.variational_strategy.base_variational_strategy, num_tasks=4, num_latents=3
    )
    with pytest.raises(ValueError, match="LMCVariationalStrategy"):
        VariationalGP(other, GaussianLikelihood())

    class Deep(Own):
        def forward(self, x):
            return super().forward(x**3)

    with pytest.raises(ValueError, match=r"give what comes before them, such as a network, as scale="):
        VariationalGP(trained(Deep(points)), GaussianLikelihood())


def test_the_weights_can_be_kept(classes):
    state = classes[2].state
    assert {"first.mean", "0.points", "0.mean", "0.root", "0.lengths", "0.amplitude"} <= state.keys()
    assert all(isinstance(value, Tensor) for value in state.values())


def test_two_moons_are_told_apart_by_more_than_a_line() -> None:
    points, labels = make_moons(240, noise=0.15, random_state=0)
    inputs, truth = torch.tensor(points), torch.tensor(labels)
    scale = Standardise.of(inputs, torch.float64)
    belief = VariationalGP.fit(
        inputs[:40], truth[:40], scale=scale, generator=Generator().manual_seed(0), num_classes=2
    )
    predictions = belief.draw(100, generator=Generator().manual_seed(1))(inputs[40:])
    assert (predictions.probs.mean(1).argmax(1) == truth[40:]).double().mean() > 0.93
