"""Four beliefs about a function of real numbers, and how good their bands are."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning import Ensemble, GaussianLoss, Supervised, Training
from bayesal.learning.streams import seeded
from bayesal.networks import MLP, Standardise
from bayesal.numerics.bands import coverage, nlpd, widths_at_coverage
from bayesal.posteriors import NOMU, DeepEnsemble, ExactGP, MCDropout, NOMUCalibration, NOMUTraining
from bayesal.posteriors.nomu_parts.calibration import best_c
from bayesal.posteriors.nomu_parts.descent import Descent
from benchmarks._nomu.functions import Problem

DRAWS = 100
WIDE = 1.959964  # of a normal law, on either side, 95 % lie


class Bands(NamedTuple):
    """Of the test points' labels."""

    mean: Tensor
    sd: Tensor


class Score(NamedTuple):
    """The error, the mean negative log density, the same if the standard deviations were multiplied by the one number
    that suits the test labels best, the share of labels in the 95 % bands, and the mean width of the narrowest bands of
    this shape that hold 95 %."""

    rmse: float
    nlpd: float
    at_best_c: float
    coverage: float
    width: float

    @classmethod
    def of(cls, bands: Bands, labels: Tensor) -> "Score":
        error = (bands.mean - labels).square().mean().sqrt().item()
        width = widths_at_coverage(labels, bands.mean, bands.sd, torch.tensor([0.95])).item()
        best = best_c((bands.mean - labels).square(), bands.sd.square())
        densities = nlpd(labels, bands.mean, bands.sd), nlpd(labels, bands.mean, best * bands.sd)
        return cls(error, *densities, coverage(labels, bands.mean, bands.sd, WIDE), width)


def nomu(problem: Problem, generator: Generator, smoke: bool) -> Bands:
    """Tables: the settings of ``--posterior nomu``. Functions: the card's loss and schedule, two layers of 128."""
    if problem.noisy:
        descent = Descent(60 if smoke else 400, 1e-2, clip_norm=1.0, l2=0.1, side_l2=1e-4, progress=False)
        training, calibration = NOMUTraining(hidden=(50,), num_artificial=100, descent=descent), NOMUCalibration()
    else:
        descent = Descent(60 if smoke else 600, 2e-3, progress=False)
        box = (torch.full((1,), -1.1), torch.full((1,), 1.1))
        training, calibration = NOMUTraining((128, 128), box=box, descent=descent), NOMUCalibration(noise=0.0)
    belief = NOMU.fit(
        problem.inputs,
        problem.labels,
        scale=nn.Identity(),
        generator=generator,
        training=training,
        calibration=calibration,
        warn=False,
    )
    return _in_closed_form(belief, problem)


def gp(problem: Problem, generator: Generator, smoke: bool) -> Bands:
    """Tables: ``--posterior gp``. Functions: BoTorch's ``SingleTaskGP``, whose priors expect less noise."""
    if not problem.noisy:
        return _in_closed_form(botorch_gp(problem.inputs, problem.labels, generator), problem)
    belief = ExactGP.fit(problem.inputs, problem.labels, scale=nn.Identity(), generator=generator, progress=False)
    return _in_closed_form(belief, problem)


def botorch_gp(inputs: Tensor, labels: Tensor, generator: Generator) -> ExactGP:
    """BoTorch's default for points in [-1, 1], fitted by BoTorch on the unit cube."""
    scale = Standardise(-torch.ones(inputs.shape[1], dtype=torch.float64), torch.tensor(2.0, dtype=torch.float64))
    with seeded(int(torch.randint(2**62, (), generator=generator))), torch.enable_grad():
        model = SingleTaskGP(scale(inputs), labels.double()[:, None])
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    return ExactGP(model, scale=scale)


def ensemble(problem: Problem, generator: Generator, smoke: bool) -> Bands:
    return _of_networks(
        problem, generator, smoke, 0.0 if not problem.noisy else 0.5, partial(Ensemble, wrap=DeepEnsemble)
    )


def dropout(problem: Problem, generator: Generator, smoke: bool) -> Bands:
    return _of_networks(
        problem, generator, smoke, 0.2 if not problem.noisy else 0.5, partial(Supervised, wrap=MCDropout)
    )


def _of_networks(
    problem: Problem, generator: Generator, smoke: bool, p: float, learner: Callable[..., Callable[..., Any]]
) -> Bands:
    """Networks of 128 + 128 with a Gaussian likelihood: 1024 steps of all points for functions (p = 0.2 for dropout),
    40 epochs of 1024 draws in batches of 64 for tables (p = 0.5, ensembles too: the default of ``bayesal run``)."""
    training = Training(
        weight_decay=0.0,
        batch_size=64,
        epoch_size=1024 if problem.noisy else None,
        max_epochs=2 if smoke else 40 if problem.noisy else 1024,
        patience=None,
        progress=False,
    )
    network = partial(MLP, problem.inputs.shape[1], 2, dropout=p)
    learned = learner(network=network, loss=GaussianLoss(), training=training, standardise=False)
    ids = list(range(len(problem.labels)))
    pool = Pool.of(problem.inputs, ids=ids, labels=problem.labels.tolist())
    predictions = learned(pool, generator).draw(DRAWS, generator=generator)(problem.test_inputs)
    variance = predictions.scale.square().mean(1) + predictions.loc.var(1, correction=0)
    return Bands(predictions.loc.mean(1).double(), variance.double().sqrt())


def _in_closed_form(belief: NOMU | ExactGP, problem: Problem) -> Bands:
    with torch.no_grad():
        variance = belief.variance(problem.test_inputs).double() + belief.noise
        return Bands(belief.mean(problem.test_inputs).double(), variance.clamp_min(1e-12).sqrt())


BELIEFS = {"NOMU": nomu, "GP": gp, "deep ensemble": ensemble, "MC dropout": dropout}
