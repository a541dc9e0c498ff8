"""Supervised learning, with a judge beside it that knows labelled from unlabelled points, and nothing of the task."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.loss_prediction import behind
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import check_weights, prepare, printed
from bayesal.learning.streams import Streams
from bayesal.learning.training import Training
from bayesal.learning.unfamiliar import train_unfamiliar
from bayesal.networks.vae import VAE, vae_for
from bayesal.objectives.adversarial import REDUCTIONS, vae_loss

VAE_TRAINING = Training(
    learning_rate=1e-3, weight_decay=0.0, epoch_size=1920, max_epochs=10, patience=None, progress=False
)


@dataclass(frozen=True, eq=False, repr=False)
class VAAL:
    """A learner: the network of ``Supervised``, to the last bit, with a judge that knows nothing of its task: minus the
    logit of D(μ(x)), largest where a point looks least like labelled ones (Sinha, Ebrahimi and Darrell, ICCV 2019).

    A β-VAE (``objectives.adversarial.vae_loss`` with ``beta`` and ``reduction``) is trained on batches of labelled and
    unlabelled points, and so that all codes look labelled, with the weight ``fooling``. After every ``vae_steps`` of
    its steps the discriminator D, with ``hidden`` layers, makes one of Adam, at the same rate, to tell the means of
    codes of labelled points (1) from others (0). ``vae_training`` sets how many: by default 300 steps of the
    autoencoder at 1e-3, whatever the size of the pool (the authors: 100 epochs of it, at 5e-4). ``vae(shape)`` makes
    the autoencoder, by default ``networks.vae_for`` with a code of 32 numbers. Where nothing is unlabelled, there is
    nothing to tell apart, and D stays as it was made.

    ``wrap(network, likelihood, judge=)`` makes the belief: ``functools.partial(JudgedNetwork.dropout,
    judged_by="vaal")``. The rest is as in ``Supervised``. Raises ValueError as that does, for numbers of the wrong
    sign, and for points that are not real numbers.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[..., Any]
    vae: Callable[[tuple[int, ...]], VAE] = vae_for
    beta: float | int = 1.0
    reduction: str = "sum"
    fooling: float | int = 1.0
    vae_steps: int = 2
    hidden: tuple[int, ...] = (512, 512)
    vae_training: Training = VAE_TRAINING
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __post_init__(self) -> None:
        check_weights(self, "beta", "fooling")
        if self.vae_steps < 1:
            raise ValueError(f"vae_steps must be at least 1, but it is {self.vae_steps}")
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {', '.join(REDUCTIONS)}, but it is {self.reduction!r}")

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled, and the judge of what is not."""
        stream, own = Streams.of(generator), Streams.of(generator)
        ready = prepare(self, pool, [stream])
        fits = minimise(
            ready.networks,
            ready.loss,
            ready.examples,
            streams=[stream],
            training=self.training,
            validation=ready.validation,
        )
        unfamiliar = train_unfamiliar(
            pool,
            ready,
            own,
            vae=self.vae,
            hidden=self.hidden,
            loss=partial(vae_loss, beta=self.beta, reduction=self.reduction),
            fooling=self.fooling,
            vae_steps=self.vae_steps,
            training=self.vae_training,
        )
        judge = behind(ready.scale, unfamiliar)
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], trained.likelihood, judge=judge)
