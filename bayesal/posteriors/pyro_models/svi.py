"""Stochastic variational inference of a Pyro model: a guide moved towards its posterior."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, cast

from pyro.infer import SVI, Trace_ELBO
from pyro.infer.autoguide import AutoGuide, AutoLaplaceApproximation, AutoMultivariateNormal
from pyro.infer.autoguide.initialization import init_to_median, init_to_value
from pyro.optim import ClippedAdam
from pyro.poutine.messenger import Messenger
from torch import Generator, Tensor
from tqdm import tqdm

from bayesal.learning.epochs import SHOW_PROGRESS_AFTER
from bayesal.learning.examples import draws

LARGEST_COVARIANCE = 1_000  # latents: P² parameters, and P³ for a sample of a full covariance
LAST_RATE = 0.1  # of the learning rate at the last step: the guide ends up averaged over the noise of the steps


def variational(
    model: Callable[..., Any],
    inputs: Tensor,
    labels: Tensor,
    *,
    guide: Callable[..., Any],
    generator: Generator,
    num_steps: int,
    learning_rate: float,
    batch_size: int | None,
    num_particles: int,
    init_scale: float | None,
    annealing: float,
    kl_weight: float,
    initial: Mapping[str, Tensor] | None,
) -> Callable[..., Any]:
    """The guide after ``num_steps`` steps of Adam on the ELBO; for a Laplace guide, the Gaussian at its mode.

    Called within ``private``. A batch is a random part of the points: the model must scale its likelihood by N/B.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps must be at least 1, but it is {num_steps}")
    if not 0 <= annealing < 1:
        raise ValueError(f"annealing is the share of steps with a weaker KL term, in [0, 1), but it is {annealing}")
    if not kl_weight > 0:
        raise ValueError(f"kl_weight must be positive, but it is {kl_weight}; 1 is the ELBO")
    made = _made(guide, model, initial, init_scale)
    if isinstance(made, AutoGuide):
        made(inputs, labels)  # an autoguide learns its sites from a run with labels
    if isinstance(made, AutoMultivariateNormal | AutoLaplaceApproximation) and made.latent_dim > LARGEST_COVARIANCE:
        raise ValueError(
            f"{type(made).__name__} needs the full covariance of {made.latent_dim} latents, and is for at most "
            f"{LARGEST_COVARIANCE}; take AutoNormal or AutoLowRankMultivariateNormal, or hide weights from the prior"
        )
    tempered = Tempered()
    steps = SVI(
        tempered(model),
        tempered(made),
        ClippedAdam({"lr": learning_rate, "lrd": LAST_RATE ** (1 / num_steps)}),
        Trace_ELBO(num_particles=num_particles),
    )
    batches = _batches(len(inputs), batch_size, generator)
    bar = tqdm(range(num_steps), desc="variational inference", leave=False, delay=SHOW_PROGRESS_AFTER, disable=None)
    for step in bar:
        tempered.weight = kl_weight * (min(1.0, (step + 1) / (annealing * num_steps)) if annealing else 1.0)
        rows = next(batches)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Encountered NaN")  # said below, and as an error
            loss = float(cast(Any, steps.step(inputs[rows], labels[rows])))
        if not isfinite(loss):
            raise ValueError(
                f"the ELBO is {-loss} at step {step} of variational inference; lower the learning rate (now "
                f"{learning_rate}), or put inputs and labels on a scale around 1"
            )
    return made.laplace_approximation(inputs, labels) if isinstance(made, AutoLaplaceApproximation) else made


class Tempered(Messenger):
    """Latent sites count ``weight`` times in the ELBO: the weight of its Kullback-Leibler term."""

    weight = 1.0

    def _pyro_sample(self, msg: Any) -> None:
        if not msg["is_observed"] and self.weight != 1:
            msg["scale"] = self.weight * msg["scale"]


def _made(
    guide: Callable[..., Any],
    model: Callable[..., Any],
    initial: Mapping[str, Tensor] | None,
    init_scale: float | None,
) -> Callable[..., Any]:
    if not (isinstance(guide, type) and issubclass(guide, AutoGuide)):
        return guide  # a guide of the user's own, ready to be trained
    start = init_to_value(values=dict(initial or {}), fallback=init_to_median(num_samples=15))
    settings: dict[str, Any] = {"init_loc_fn": start}
    if init_scale is not None and "init_scale" in inspect.signature(guide).parameters:
        settings["init_scale"] = init_scale
    return guide(model, **settings)


def _batches(count: int, size: int | None, generator: Generator) -> Iterator[Tensor | slice]:
    """The rows of one step after the other; every point comes equally often."""
    while True:
        if size is None or size >= count:
            yield slice(None)
        else:
            order = draws(count, size * (count // size), generator=generator)
            yield from order.split(size)
