"""Training Gaussian processes with inducing points by their evidence lower bound."""

import math
from collections.abc import Callable

import torch
from gpytorch.likelihoods import GaussianLikelihood, Likelihood, SoftmaxLikelihood
from gpytorch.mlls import VariationalELBO
from gpytorch.priors import LogNormalPrior
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn
from tqdm import trange

from bayesal.learning.streams import seeded
from bayesal.posteriors.processes.cholesky import cholesky
from bayesal.posteriors.processes.distances import typical_distance
from bayesal.posteriors.processes.gpytorch_models import inducing_of
from bayesal.posteriors.processes.inducing_gp import InducingGP, centres

SHOW_PROGRESS_AFTER = 2.0  # seconds
CLASS_OUTPUTSCALE = 30.0  # where the variance of a logit starts: most points have one class
NOISE = 0.1  # where the noise of a standardised label starts


def train_inducing_gp(
    inputs: Shaped[Tensor, "L ..."],
    targets: Shaped[Tensor, "L"],
    *,
    features: nn.Module,
    num_classes: int | None,
    num_inducing: int,
    num_steps: int,
    batch_size: int,
    learning_rate: float,
    generator: Generator,
    average: Callable[[Tensor], Tensor] = torch.median,
    ard: bool = False,
    per_class: bool = False,
    features_rate: float | None = None,
) -> tuple[InducingGP, Likelihood]:
    """A process of ``features(inputs)``, flattened, in double precision, and its likelihood, in evaluation mode.

    For classes (``num_classes`` is not None): softmax of a function each. Else for standardised amounts: one function
    and Gaussian noise. ``features_rate``: the learning rate of ``features``, which stay as they are without one.
    Raises ValueError for settings that are not positive, and if the bound does not stay finite.
    """
    for name, count in (("num_inducing", num_inducing), ("num_steps", num_steps), ("batch_size", batch_size)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1, but it is {count}")
    points = _rows(features.eval(), inputs)
    places = centres(points, num_inducing, generator=generator)
    model = InducingGP(
        places,
        lengthscale=typical_distance(points, average),
        outputscale=1.0 if num_classes is None else CLASS_OUTPUTSCALE,
        num_outputs=num_classes,
        per_output=per_class,
        ard=ard,
        move=len(places) < len(points),
    )
    likelihood = _likelihood(num_classes).to(points)
    groups = [{"params": [*model.parameters(), *likelihood.parameters()], "lr": learning_rate}]
    if features_rate is not None:
        features.train().requires_grad_(True)
        groups.append({"params": [*features.parameters()], "lr": features_rate})
    with seeded(int(torch.randint(2**63 - 1, (), generator=generator))):
        maximise_elbo(
            model,
            likelihood,
            points if features_rate is None else inputs,
            targets,
            features=nn.Identity() if features_rate is None else features,
            optimiser=torch.optim.Adam(groups),
            num_steps=num_steps,
            batch_size=batch_size,
            generator=generator,
        )
    features.eval().requires_grad_(False)
    if isinstance(likelihood, GaussianLikelihood):
        settle(model, _rows(features, inputs), targets, likelihood.noise.item())
    return model, likelihood


def maximise_elbo(
    model: InducingGP,
    likelihood: Likelihood,
    inputs: Shaped[Tensor, "L ..."],
    targets: Shaped[Tensor, "L"],
    *,
    features: nn.Module,
    optimiser: torch.optim.Optimizer,
    num_steps: int,
    batch_size: int,
    generator: Generator,
) -> None:
    """Steps up (1/L) [(L/B) Σ_batch E_q[log p(y | f)] - KL(q(u) ‖ p(u)) + log prior of the hyper-parameters].

    The learning rate falls to zero as half a cosine, so that what the noise of batches and samples moved can settle.
    Draws from the global generators: call it inside ``seeded``.
    """
    bound = VariationalELBO(likelihood, model, num_data=len(inputs))
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, num_steps)
    model.train()
    likelihood.train()
    for _ in trange(num_steps, desc="training", unit="step", leave=False, delay=SHOW_PROGRESS_AFTER, disable=None):
        some = slice(None)
        if len(inputs) > batch_size:
            some = torch.randperm(len(inputs), generator=generator)[:batch_size].to(inputs.device)
        optimiser.zero_grad()
        value = bound(model(features(inputs[some]).flatten(1).double()), targets[some])
        assert isinstance(value, Tensor)
        if not value.isfinite():
            raise ValueError("the evidence bound of the process is no longer finite: lower the learning_rate")
        (-value).backward()
        optimiser.step()
        rate.step()
    model.eval()
    likelihood.eval()


def settle(model: InducingGP, points: Float[Tensor, "L D"], targets: Float[Tensor, "L"], noise: float) -> None:
    """Put q where the bound of labels with Gaussian noise is largest, given everything else (Titsias, 2009)."""
    q = model.variational_strategy._variational_distribution
    best = inducing_of(model)[0].given(points, targets, noise)
    q.variational_mean.data.copy_(best.mean[0])
    q.chol_variational_covar.data.copy_(cholesky(best.root @ best.root.mT)[0])
    model.variational_strategy._clear_cache()


def _likelihood(num_classes: int | None) -> Likelihood:
    if num_classes is not None:
        return SoftmaxLikelihood(num_classes=num_classes, mixing_weights=False)
    likelihood = GaussianLikelihood(noise_prior=LogNormalPrior(math.log(NOISE), 1.0))
    likelihood.initialize(noise=NOISE)
    return likelihood


@torch.no_grad()
def _rows(features: nn.Module, inputs: Tensor) -> Float[Tensor, "L D"]:
    return features(inputs).flatten(1).double()
