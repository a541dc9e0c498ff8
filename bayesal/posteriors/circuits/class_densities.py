"""Class densities: their prior, their mixture over members, what is typical of a class, and their training."""

import warnings
from dataclasses import replace
from math import ceil, inf, log
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

from bayesal.learning.examples import Examples
from bayesal.learning.hybrid import HybridLoss
from bayesal.learning.minimise import minimise
from bayesal.learning.streams import Streams
from bayesal.learning.training import Training
from bayesal.networks.circuits import Circuit

Unseen: TypeAlias = Literal["warn", "keep", "exclude"]

CONCEIVABLE = 0.05  # a class is conceivable where it is as likely as at all but this share of its own points


def class_log_prior(targets: Int[Tensor, "L"], num_classes: int, unseen: Unseen) -> Float[Tensor, "C"]:
    """log (n_c + 1) / (n + C); with ``unseen="exclude"`` -inf for n_c = 0, and the others share the rest."""
    counts = torch.bincount(targets, minlength=num_classes)
    nobody = counts == 0
    prior = (counts + 1).double()
    if bool(nobody.any()) and unseen == "warn":
        warnings.warn(
            f"classes {nobody.nonzero().squeeze(1).tolist()} have no labelled point: their densities were only taught "
            'to keep away from the others, and they keep a prior of 1 / (n + C); say unseen="keep" or "exclude"',
            UserWarning,
            stacklevel=3,
        )
    if unseen == "exclude":
        prior = prior.where(~nobody, 0)
    return (prior / prior.sum()).log()


def mixture(densities: Float[Tensor, "N M C"]) -> Float[Tensor, "N C"]:
    """log (1/M) Σ_m S_mc."""
    return densities.logsumexp(dim=1) - log(densities.shape[1])


def typical_of(densities: Float[Tensor, "L C"], targets: Int[Tensor, "L"]) -> Float[Tensor, "C"]:
    """For each class the 5 % quantile of its log-density over its own points; inf where it has none."""
    own = [densities[targets == c, c] for c in range(densities.shape[1])]
    return torch.stack(
        [some.quantile(CONCEIVABLE) if len(some) else densities.new_tensor(inf) for some in own],
    )


def train_densities(
    circuit: Circuit,
    features: Float[Tensor, "L D"],
    targets: Int[Tensor, "L"],
    log_prior: Float[Tensor, "C"],
    *,
    discriminative: float,
    training: Training,
    least_steps: int,
    generator: Generator,
) -> None:
    """Train all members of a circuit by ``HybridLoss``, in place and for ``least_steps`` steps at least."""
    steps = ceil((training.epoch_size or len(features)) / training.batch_size)
    minimise(
        [circuit],
        HybridLoss(log_prior, discriminative, features.shape[1]),
        Examples(features, targets),
        streams=[Streams.of(generator)],
        training=replace(training, max_epochs=max(training.max_epochs, ceil(least_steps / steps))),
    )
