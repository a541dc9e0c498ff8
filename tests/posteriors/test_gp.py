"""Exact Gaussian processes: the card's numbers, what GPyTorch and BoTorch predict, draws against closed forms."""

import math
import pickle
from functools import partial
from typing import Any

import gpytorch
import numpy as np
import pytest
import torch
from botorch.exceptions.errors import ModelFittingError
from botorch.models import SingleTaskGP
from botorch.models.transforms import Log, Normalize, Standardize, Warp
from gpytorch.kernels import LinearKernel, MaternKernel, PeriodicKernel, RBFKernel, ScaleKernel
from torch import Generator, Tensor, nn

from bayesal.networks import Standardise
from bayesal.posteriors import ExactGP
from bayesal.posteriors.processes import exact_fit
from bayesal.posteriors.processes.exact_fit import matern
from bayesal.testing import check_posterior


def seed(number: int = 0) -> Generator:
    return Generator().manual_seed(number)


class Plain(gpytorch.models.ExactGP):
    """A GPyTorch model as their tutorials write it."""

    def __init__(self, x: Any, y: Any, *, kernel: Any = None, mean: Any = None, likelihood: Any = None) -> None:
        super().__init__(x, y, likelihood or gpytorch.likelihoods.GaussianLikelihood())
        self.mean_module = mean or gpytorch.means.ZeroMean()
        self.covar_module = kernel or ScaleKernel(RBFKernel())

    def forward(self, x: Tensor) -> Any:
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def of_the_card() -> Plain:
    model = Plain(torch.tensor([[0.0], [1.0]], dtype=torch.float64), torch.tensor([1.0, -1.0], dtype=torch.float64))
    model = model.double()
    model.likelihood.noise, model.covar_module.outputscale, model.covar_module.base_kernel.lengthscale = 0.1, 1.0, 1.0
    return model


AT = torch.tensor([[0.5], [2.0]], dtype=torch.float64)
MEAN = torch.tensor([0.0, -0.954863], dtype=torch.float64)
COVARIANCE = torch.tensor([[0.087270, -0.058988], [-0.058988, 0.613784]], dtype=torch.float64)


def test_the_numbers_of_a_case_worked_by_hand():
    belief = ExactGP(of_the_card())
    torch.testing.assert_close(belief.mean(AT), MEAN, rtol=0, atol=1e-6)
    torch.testing.assert_close(belief.covariance(AT, AT), COVARIANCE, rtol=0, atol=1e-6)
    torch.testing.assert_close(belief.variance(AT), COVARIANCE.diagonal(), rtol=0, atol=1e-6)
    assert belief.noise == pytest.approx(0.1, abs=1e-8)


def standard_errors(covariance: Tensor, k: int) -> Tensor:
    variances = covariance.diagonal()
    return ((variances.outer(variances) + covariance.square()) / k).sqrt()


def test_the_law_of_draws_is_the_closed_form():
    belief, k = ExactGP(of_the_card()), 4000
    drawn = belief.draw(k, generator=seed())(AT)
    assert ((drawn.loc.mean(1) - MEAN).abs() / (COVARIANCE.diagonal() / k).sqrt()).max() < 4
    assert ((drawn.loc.cov() - COVARIANCE).abs() / standard_errors(COVARIANCE, k)).max() < 4
    torch.testing.assert_close(drawn.scale, torch.full((2, k), 0.1**0.5, dtype=torch.float64))


def table(n: int = 20, columns: int = 3) -> tuple[Tensor, Tensor]:
    x = torch.rand(n, columns, generator=seed(1), dtype=torch.float64) * 4 - 2
    return x, 1000 * (x[:, 0] + x[:, 1].sin()) + 50 + 100 * torch.randn(n, generator=seed(2), dtype=torch.float64)


@pytest.fixture(scope="module")
def fitted() -> ExactGP:
    x, y = table()
    return ExactGP.fit(x, y, generator=seed(), progress=False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_draws_are_functions(fitted: ExactGP, dtype: torch.dtype):
    check_posterior(fitted, torch.randn(9, 3, generator=seed(), dtype=dtype))
    check_posterior(ExactGP(of_the_card()), torch.randn(9, 1, generator=seed(), dtype=dtype))


def test_the_fit_learns_in_the_labels_units(fitted: ExactGP):
    x, y = table(300)
    error = fitted.mean(x) - y
    assert error.square().mean().sqrt() < 0.5 * y.std()
    assert 0 < fitted.noise < y.var()
    spread = (fitted.variance(x) + fitted.noise).sqrt()
    assert (error.abs() < 2 * spread).double().mean() > 0.7
    torch.testing.assert_close(fitted.covariance(x[:5], x[:5]).diagonal(), fitted.variance(x[:5]))
    torch.testing.assert_close(torch.cat([fitted.mean(one[None]) for one in x[:5]]), fitted.mean(x[:5]))


def test_draws_agree_with_the_moments_at_every_pair_of_points(fitted: ExactGP):
    x, k = table(12)[0] * 1.5, 2000
    drawn, covariance = fitted.draw(k, generator=seed())(x).loc, fitted.covariance(x, x)
    assert ((drawn.mean(1) - fitted.mean(x)).abs() / (covariance.diagonal() / k).sqrt()).max() < 4
    waves = 0.02 * fitted.unit**2  # what 2 x 2048 of them leave of a Matérn kernel
    assert ((drawn.cov() - covariance).abs() - 4 * standard_errors(covariance, k)).max() < waves


def test_duplicates_chunks_and_processes(fitted: ExactGP):
    x = table(8)[0]
    twice = torch.cat([x, x])
    hypotheses = fitted.draw(5, generator=seed())
    whole = hypotheses(twice).loc
    torch.testing.assert_close(whole[:8], whole[8:], rtol=0, atol=1e-9)
    torch.testing.assert_close(torch.cat([hypotheses(c).loc for c in twice.split(3)]), whole, rtol=0, atol=1e-9)
    torch.testing.assert_close(pickle.loads(pickle.dumps(hypotheses))(twice).loc, whole)
    torch.testing.assert_close(pickle.loads(pickle.dumps(fitted)).mean(x), fitted.mean(x))
    assert hypotheses(x[:0]).loc.shape == (0, 5)
    assert fitted.mean(x[:0]).shape == (0,)
    assert fitted.covariance(x[:0], x).shape == (0, 8)
    assert fitted.draw(1, generator=seed())(x).batch_shape == (8, 1)


def kernels() -> list[Any]:
    return [
        None,
        RBFKernel(ard_num_dims=2, active_dims=(0, 2)),
        ScaleKernel(MaternKernel(nu=1.5, ard_num_dims=3)),
        ScaleKernel(RBFKernel()) + LinearKernel(),
        PeriodicKernel() * MaternKernel(nu=0.5),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_botorch_model_is_read_as_it_predicts(number: int):
    x, y = table()
    settings: dict[str, Any] = {"outcome_transform": Standardize(1)} if number % 2 else {}
    mean = gpytorch.means.LinearMean(3) if number == 2 else None
    model = SingleTaskGP(
        x, y[:, None] / 1000, covar_module=kernels()[number], mean_module=mean, input_transform=Normalize(3), **settings
    )
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.rand(parameter.shape, generator=seed()).double()
    belief, points = ExactGP(model, unit=1000.0), table(30)[0][20:]
    theirs = model.posterior(points)
    covariance = theirs.distribution.covariance_matrix.detach() * 1e6
    torch.testing.assert_close(belief.mean(points), theirs.mean.squeeze(-1).detach() * 1000, rtol=1e-6, atol=1e-4)
    torch.testing.assert_close(belief.covariance(points, points), covariance, rtol=1e-5, atol=1e-2)
    torch.testing.assert_close(belief.variance(points), covariance.diagonal(), rtol=1e-5, atol=1e-2)
    labels = model.posterior(points, observation_noise=True).variance.detach() - theirs.variance.detach()
    assert belief.noise == pytest.approx(float(labels[0] * 1e6), rel=1e-5)
    if number > 2:
        with pytest.raises(ValueError, match="squared-exponential or Matérn kernel"):
            belief.draw(3, generator=seed())
    else:
        drawn, k = belief.draw(2000, generator=seed())(points).loc, 2000
        assert ((drawn.mean(1) - belief.mean(points)).abs() / (covariance.diagonal() / k).sqrt()).max() < 4


def test_noise_known_for_each_label():
    x, y = table()
    x = x / 4 + 0.5
    units = Standardize(1)
    model = SingleTaskGP(
        x, y[:, None], torch.full_like(y[:, None], 100.0).index_fill(0, torch.tensor([3]), 1e6), outcome_transform=units
    )
    belief, points = ExactGP(model), table(25)[0][20:]
    torch.testing.assert_close(belief.mean(points), model.posterior(points).mean.squeeze(-1).detach())
    assert belief.noise == pytest.approx((19 * 100 + 1e6) / 20, rel=1e-6)


def test_models_that_cannot_be_read_are_refused():
    x, y = table()
    x, y = x / 4 + 0.5, (y - y.mean()) / y.std()

    class Deep(Plain):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x.square())

    refused: list[tuple[Any, str]] = [
        (Deep(x, y).double(), "as scale="),
        (SingleTaskGP(x, torch.stack([y, y], 1), outcome_transform=Standardize(2)), "one output"),
        (SingleTaskGP(x, y[:, None], outcome_transform=Standardize(1), input_transform=Warp(3, [0])), "Warp"),
        (SingleTaskGP(x, y[:, None].exp(), outcome_transform=Log()), "Log"),
    ]
    for model, sentence in refused:
        with pytest.raises(ValueError, match=sentence):
            ExactGP(model)
    with pytest.raises(RuntimeError, match="no training points"):
        ExactGP(Plain(None, None))


def test_nothing_known_is_the_prior():
    model = Plain(torch.zeros(0, 2), torch.zeros(0), mean=gpytorch.means.ConstantMean()).double()
    model.mean_module.constant, model.covar_module.outputscale = 3.0, 2.0
    belief, points = ExactGP(model), torch.randn(4, 2, generator=seed(), dtype=torch.float64)
    torch.testing.assert_close(belief.mean(points), torch.full((4,), 3.0, dtype=torch.float64))
    prior = model.covar_module(points).to_dense().detach()
    torch.testing.assert_close(belief.covariance(points, points), prior)
    drawn = belief.draw(2000, generator=seed())(points).loc
    assert ((drawn.mean(1) - 3).abs() / (2 / 2000) ** 0.5).max() < 4
    assert ((drawn.cov() - prior).abs() / standard_errors(prior, 2000)).max() < 4


@pytest.mark.parametrize("labels", [[7.0], [7.0, 7.0], [1.0, 3.0]])
def test_few_or_constant_labels(labels: list[float]):
    x = torch.arange(len(labels), dtype=torch.float32)[:, None] * torch.ones(1, 4)
    belief = ExactGP.fit(x, torch.tensor(labels), generator=seed(), progress=False)
    check_posterior(belief, torch.randn(5, 4, generator=seed()))
    assert belief.mean(x)[0].item() == pytest.approx(labels[0], abs=2)
    assert belief.noise > 0
    far = belief.variance(x + 1000)[0].item()
    assert far == pytest.approx(1.0, rel=0.2)  # that of the prior, in units of the labels' spread


@pytest.mark.parametrize("seen", ["duplicates", "one column", "wide", "integers", "large", "single precision"])
def test_a_fit_predicts_the_closed_form_of_its_hyper_parameters(seen: str):
    x, y = table(12)
    if seen == "duplicates":
        x, y = torch.cat([x, x]), torch.cat([y, y + 100])
    elif seen == "one column":
        x = x[:, :1]
    elif seen == "wide":
        x = torch.randn(12, 100, generator=seed(), dtype=torch.float64)
    elif seen == "integers":
        x, y = (x * 3).round().long(), y.round().long()
    elif seen == "large":
        x, y = x * 1e6, y * 1e6
    elif seen == "single precision":
        x, y = x.float(), y.float()
    scale = Standardise.of(x, torch.float64)
    belief = ExactGP.fit(x, y, scale=scale, generator=seed(), progress=False)
    points = torch.cat([x[:4], x[:4] * 2])
    mean, covariance = by_numpy(belief, scale(x).numpy(), y.double().numpy(), scale(points).numpy())
    unit = belief.unit
    np.testing.assert_allclose(belief.mean(points).numpy() / unit, mean / unit, rtol=0, atol=1e-8)
    np.testing.assert_allclose(belief.covariance(points, points).numpy() / unit**2, covariance / unit**2, atol=1e-8)
    np.testing.assert_allclose(belief.variance(points).numpy() / unit**2, covariance.diagonal() / unit**2, atol=1e-8)


def by_numpy(belief: ExactGP, x: Any, y: Any, points: Any) -> tuple[Any, Any]:
    known = {name: value.numpy() for name, value in belief.state.items()}
    lengths, amplitude, noise, level = (known[n].ravel() for n in ("lengths", "amplitude", "noise", "level"))

    def matern(one: Any, other: Any) -> Any:
        s = np.sqrt(5 * (((one[:, None] - other[None]) / lengths) ** 2).sum(-1))
        return amplitude * (1 + s + s * s / 3) * np.exp(-s)

    solved = np.linalg.solve(matern(x, x) + noise * np.eye(len(x)), matern(x, points)).T
    mean = level + solved @ ((y - belief.shift) / belief.unit - level)
    covariance = matern(points, points) - solved @ matern(x, points)
    return belief.shift + belief.unit * mean, belief.unit**2 * covariance


def test_a_prior_of_the_noise_that_is_sure_is_believed():
    x, y = table(12)
    belief = ExactGP.fit(x, y, generator=seed(), progress=False, noise_prior=(-1.0, 1e-4))
    assert belief.noise / belief.unit**2 == pytest.approx(math.exp(-1), rel=1e-3)


def test_points_that_repeat_with_next_to_no_noise():
    model = of_the_card()
    model.set_train_data(torch.zeros(3, 1).double(), torch.ones(3).double(), strict=False)
    model.likelihood.noise_covar.raw_noise_constraint = gpytorch.constraints.GreaterThan(0.0)
    model.likelihood.noise = 1e-18
    belief = ExactGP(model)
    assert belief.mean(torch.zeros(1, 1)).item() == pytest.approx(1.0, abs=1e-5)
    assert belief.variance(torch.zeros(1, 1)).item() == pytest.approx(0.0, abs=1e-6)


def test_images_go_through_the_scale_first():
    images = torch.randint(0, 256, (6, 1, 4, 4), generator=seed(), dtype=torch.uint8)
    scale = Standardise.of(images, torch.float64)
    belief = ExactGP.fit(images, torch.arange(6), scale=scale, generator=seed(), progress=False)
    check_posterior(belief, images)
    assert belief.rows.num_columns == 16


def test_wide_points_share_one_length_scale_and_a_kernel_may_be_named():
    x = torch.randn(6, 60, generator=seed())
    belief = ExactGP.fit(x, x[:, 0], generator=seed(), progress=False)
    assert len(belief.state["lengths"].unique()) == 1
    smooth = ExactGP.fit(
        x[:, :3], x[:, 0], generator=seed(), progress=False, kernel=partial(matern, smoothness=math.inf)
    )
    assert len(smooth.state["lengths"].unique()) == 3
    assert smooth.process.kernel.smoothness == math.inf


def test_the_fit_leaves_the_global_generator_and_is_fixed_by_the_seed():
    x, y = table(8)
    before = torch.get_rng_state()
    one, two = (ExactGP.fit(x, y, generator=seed(3), progress=False).state for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=0, atol=0)


def test_where_l_bfgs_fails_adam_takes_over_and_says_so(monkeypatch: pytest.MonkeyPatch):
    def fails(*arguments: Any, **settings: Any) -> None:
        raise ModelFittingError("All attempts to fit the model have failed.")

    monkeypatch.setattr(exact_fit, "fit_gpytorch_mll", fails)
    monkeypatch.setattr(exact_fit, "ADAM_STEPS", 100)
    x, y = table()
    with pytest.warns(UserWarning, match="Adam"):
        belief = ExactGP.fit(x, y, generator=seed(), progress=False)
    assert belief.noise > 0
    assert (belief.mean(x) - y).square().mean() < y.var()


def test_bad_inputs_are_refused(fitted: ExactGP):
    x, y = table()
    with pytest.raises(ValueError, match="num_hypotheses is 0"):
        fitted.draw(0, generator=seed())
    for bad, sentence in ((x[:, :2], "shape"), (x * torch.nan, "NaN"), (x[:, None], "shape")):
        for ask in (fitted.mean, fitted.variance, fitted.draw(2, generator=seed())):
            with pytest.raises(ValueError, match=sentence):
                ask(bad)
    with pytest.raises(ValueError, match="at least"):
        ExactGP.fit(x[:0], y[:0], generator=seed())
    with pytest.raises(ValueError, match="finite"):
        ExactGP.fit(x, y * torch.nan, generator=seed())
    with pytest.raises(ValueError, match="larger unit"):
        ExactGP.fit(x, y * 1e200, generator=seed())
    with pytest.raises(ValueError, match="one number at least"):
        ExactGP.fit(x[:, :0], y, generator=seed())
    with pytest.raises(ValueError, match="2 numbers a point"):
        ExactGP(Plain(torch.zeros(1, 2), torch.zeros(1))).mean(x)


def test_a_network_before_the_process():
    network = nn.Sequential(nn.Linear(5, 1), nn.Tanh())
    belief = ExactGP(of_the_card(), scale=network)
    check_posterior(belief, torch.randn(6, 5, generator=seed()))
    with torch.no_grad():
        network[0].weight.zero_()  # later training is not seen
    assert len(belief.mean(torch.randn(4, 5, generator=seed())).unique()) == 4
