"""BoTorch's models as posteriors: their own moments, by functions that stay the same."""

import copy
import pickle

import gpytorch
import pytest
import torch
from botorch.models import SingleTaskGP, SingleTaskVariationalGP
from botorch.models.ensemble import EnsembleModel
from botorch.models.model import Model
from botorch.models.transforms.outcome import Log, Standardize
from torch import Generator, Tensor, nn
from torch.distributions import Independent, Normal

from bayesal.integrations.botorch import FunctionsModel, from_botorch
from bayesal.posteriors import DeepEnsemble, ExactGP
from bayesal.testing import check_posterior

X = torch.rand(12, 2, generator=Generator().manual_seed(0), dtype=torch.float64)
Y = X.sin().sum(1, keepdim=True) * 5 + 30
pytestmark = pytest.mark.filterwarnings("ignore:Data .outcome observations. is not standardized")
PROBE = torch.rand(5, 2, generator=Generator().manual_seed(1), dtype=torch.float64)


def drawn(posterior, count: int) -> Tensor:
    predictions = posterior.draw(count, generator=Generator().manual_seed(0))(PROBE)
    base = predictions.base_dist if isinstance(predictions, Independent) else predictions
    assert isinstance(base, Normal)
    return base.loc


class Waves(EnsembleModel):
    def __init__(self) -> None:
        super().__init__()
        self._num_outputs = 1
        self.weights = nn.Parameter(torch.randn(6, 2, generator=Generator().manual_seed(2), dtype=torch.float64))

    def forward(self, X: Tensor) -> Tensor:
        return torch.tanh(X.double() @ self.weights.T).movedim(-1, -2).unsqueeze(-1)


def single() -> SingleTaskGP:
    model = SingleTaskGP(X, Y)
    model.likelihood.noise = 0.05
    return model


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "make",
    [single, lambda: SingleTaskGP(X, torch.cat([Y, 3 * X[:, :1]], 1)), Waves],
    ids=["process", "two outputs", "ensemble"],
)
def test_a_wrapped_model_keeps_the_laws(make, dtype: torch.dtype) -> None:
    posterior = from_botorch(make(), noise=0.1)
    check_posterior(posterior, torch.rand(9, 2, generator=Generator().manual_seed(3), dtype=dtype))
    hypotheses = posterior.draw(3, generator=Generator().manual_seed(0))
    assert tuple(hypotheses(PROBE[:0]).batch_shape[:2]) == (0, 3)
    with pytest.raises(ValueError, match="1 of 5 points hold NaN"):
        hypotheses(PROBE.where(torch.arange(5)[:, None] != 2, torch.nan))
    with pytest.raises(ValueError, match="at least one hypothesis"):
        posterior.draw(0, generator=Generator())


def test_functions_of_a_process_have_the_moments_of_its_posterior() -> None:
    model = single()
    posterior = from_botorch(model)
    assert isinstance(posterior, ExactGP)
    functions, told = drawn(posterior, 4000), model.eval().posterior(PROBE)
    scale = told.variance.max().item()
    torch.testing.assert_close(functions.mean(1), told.mean.detach()[:, 0], rtol=0, atol=4 * (scale / 4000) ** 0.5)
    covariance = told.distribution.covariance_matrix.detach()
    torch.testing.assert_close(torch.cov(functions), covariance, rtol=0, atol=0.08 * scale)
    noise = (model.posterior(PROBE, observation_noise=True).variance - told.variance).mean().item()
    assert posterior.noise == pytest.approx(noise, rel=1e-6)


def test_functions_of_several_outputs_have_their_moments() -> None:
    model = SingleTaskGP(X, torch.cat([Y, 3 * X[:, :1]], 1))
    before = copy.deepcopy(model.state_dict())
    functions, told = drawn(from_botorch(model), 2000), model.eval().posterior(PROBE)  # n K m
    for m in range(2):
        scale = told.variance[:, m].max().item()
        torch.testing.assert_close(
            functions[..., m].mean(1), told.mean.detach()[:, m], rtol=0, atol=5 * (scale / 2000) ** 0.5
        )
        torch.testing.assert_close(functions[..., m].var(1), told.variance.detach()[:, m], rtol=0.15, atol=0.05 * scale)
    predictions = from_botorch(model).draw(2, generator=Generator())(PROBE)
    noise = model.posterior(PROBE, observation_noise=True).variance - told.variance
    torch.testing.assert_close(predictions.variance[:, 0], noise.detach(), rtol=1e-4, atol=1e-8)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())


def test_members_are_given_once_each() -> None:
    posterior = from_botorch(Waves(), noise=0.1)
    expected = Waves().forward(PROBE).squeeze(-1).T.detach()
    torch.testing.assert_close(drawn(posterior, 100).detach(), expected)
    some = drawn(posterior, 3)
    assert some.shape == (5, 3)
    assert all(any(torch.equal(column, member) for member in expected.T) for column in some.T)
    copied = pickle.loads(pickle.dumps(posterior.draw(3, generator=Generator().manual_seed(0))))
    torch.testing.assert_close(copied(PROBE).loc, some)


def test_there_and_back_again_is_the_same() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        members = [nn.Linear(2, 1).double() for _ in range(4)]
    ensemble = DeepEnsemble(members, lambda outputs: Normal(outputs.squeeze(-1), 0.3))
    told = FunctionsModel.of(ensemble, 4, generator=Generator())
    direct = ensemble.draw(4, generator=Generator())(PROBE).loc
    torch.testing.assert_close(told.posterior(PROBE).values.squeeze(-1).T, direct)
    with pytest.raises(ValueError, match="was made of a posterior: use that one"):
        from_botorch(told)


@pytest.mark.filterwarnings("ignore:Using an outcome transform")
def test_a_variational_model_is_told_in_the_units_of_its_labels() -> None:
    model = SingleTaskVariationalGP(X, Y, inducing_points=X, outcome_transform=Standardize(1))
    labels = model.outcome_transform(Y)[0].squeeze(-1)  # type: ignore[operator]
    objective = gpytorch.mlls.VariationalELBO(model.likelihood, model.model, num_data=len(X))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
    model.train()
    for _ in range(60):
        optimiser.zero_grad()
        (-objective(model(X), labels)).sum().backward()
        optimiser.step()
    told = model.eval().posterior(PROBE)
    functions = drawn(from_botorch(model), 3000)
    scale = told.variance.max().item()
    torch.testing.assert_close(functions.mean(1), told.mean.detach()[:, 0], rtol=0, atol=5 * (scale / 3000) ** 0.5)
    torch.testing.assert_close(functions.var(1), told.variance.detach()[:, 0], rtol=0.15, atol=0.05 * scale)


class Alone(Model):
    num_outputs = 1

    def posterior(self, X: Tensor, *_: object, **__: object):
        return single().eval().posterior(X)


def test_what_cannot_be_wrapped_is_said() -> None:
    with pytest.raises(ValueError, match="does not say how far labels lie from its functions: give noise="):
        from_botorch(Waves())
    with pytest.raises(ValueError, match="whose samples are other functions in every call"):
        from_botorch(Alone(), noise=0.1).draw(2, generator=Generator())(PROBE)
    with pytest.raises(ValueError, match="neither a BoTorch model nor a GPyTorch model"):
        from_botorch(nn.Linear(2, 1))
    with pytest.raises(ValueError, match="changes its labels by a Log"):
        from_botorch(SingleTaskGP(X, Y, outcome_transform=Log()))
    product = gpytorch.kernels.RBFKernel(active_dims=[0]) * gpytorch.kernels.RBFKernel(active_dims=[1])
    with pytest.raises(ValueError, match="functions can be drawn"):
        from_botorch(SingleTaskGP(X, Y, covar_module=product)).draw(2, generator=Generator())
