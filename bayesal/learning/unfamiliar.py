"""An autoencoder of the whole pool, and a discriminator that tells its labelled codes from others."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.optim import Adam

from bayesal.data.pool import Pool
from bayesal.learning.examples import Examples
from bayesal.learning.minimise import minimise
from bayesal.learning.own_loss import OwnLoss
from bayesal.learning.recipe import Prepared
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Training
from bayesal.learning.unlabelled import Unlabelled
from bayesal.networks.mlp import MLP
from bayesal.networks.vae import VAE, Code
from bayesal.objectives.adversarial import discriminator_loss, fooling_loss


class Unfamiliar(nn.Module):
    """Points to minus the logit of the discriminator that they are labelled, ``N ...`` to ``N``."""

    def __init__(self, vae: VAE, discriminator: nn.Module) -> None:
        super().__init__()
        self.vae = vae
        self.discriminator = discriminator

    def forward(self, points: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N"]:
        return -self.discriminator(self.vae.encode(points))[:, 0]


def train_unfamiliar(
    pool: Pool,
    ready: Prepared,
    stream: Streams,
    *,
    vae: Callable[[tuple[int, ...]], VAE],
    hidden: Sequence[int],
    loss: Callable[..., Tensor],
    fooling: float | int,
    vae_steps: int,
    training: Training,
) -> Unfamiliar:
    """Both networks, trained against each other on labelled and unlabelled points as ``learning.VAAL`` says.

    ``loss(reconstructed, points, mean, log_variance)``: of every point. Raises ValueError for points that are not real
    numbers, and if the training diverges.
    """
    points = ready.examples.inputs
    if not points.is_floating_point():
        raise ValueError(f"an autoencoder reconstructs real numbers, but the points are {points.dtype}")
    with seeded(stream.initialisation):
        autoencoder = vae(tuple(points.shape[1:])).to(points.device, points.dtype)
        with torch.no_grad():
            width = autoencoder.encode(points[:1]).shape[1]
        discriminator = MLP(width, 1, hidden=hidden, dropout=0.0).to(points.device, points.dtype)
    judge = Unfamiliar(autoencoder, discriminator)
    remembering = _Remembering(autoencoder, loss)
    unlabelled = Unlabelled(pool, ready, training.batch_size, stream.order)
    optimiser = Adam(discriminator.parameters(), lr=training.learning_rate)
    codes: list[tuple[Tensor, Tensor]] = []  # means of labelled and unlabelled codes, of each step so far
    last: dict[str, Tensor] = {}

    def penalty(_: nn.Module, batch: Examples) -> Tensor:
        if not len(unlabelled):
            return points.new_zeros(())
        labelled = remembering.code
        losses = remembering(unlabelled.next())
        others = remembering.code
        codes.append((labelled.mean.detach(), others.mean.detach()))
        fooled = fooling_loss(discriminator(labelled.mean)[:, 0], discriminator(others.mean)[:, 0])
        return losses.mean() + fooling * fooled

    def discriminate(_: nn.Module) -> None:
        if len(codes) < vae_steps:
            return
        labelled, others = (discriminator(means)[:, 0] for means in codes[-1])
        codes.clear()
        optimiser.zero_grad()
        discriminator_loss(labelled, others).backward()
        optimiser.step()

    def keep_the_last(_: nn.Module, epoch: int) -> None:
        last.update({name: value.clone() for name, value in autoencoder.state_dict().items()})

    minimise(
        [remembering],
        OwnLoss(),
        Examples(points, points.new_zeros(len(points))),
        streams=[stream],
        training=training,
        penalty=penalty,
        on_step=discriminate,
        on_epoch=keep_the_last,
    )
    autoencoder.load_state_dict(last)  # that of the last epoch, as D is, not that of the smallest loss
    return judge


class _Remembering(nn.Module):
    """An autoencoder as its loss at every point, ``N ...`` to ``N 1``; ``code`` is what it made of them last."""

    code: Code

    def __init__(self, vae: VAE, loss: Callable[..., Tensor]) -> None:
        super().__init__()
        self.vae = vae
        self.loss = loss

    def forward(self, points: Tensor) -> Tensor:
        self.code = self.vae(points)
        return self.loss(self.code.reconstructed, self.code.points, self.code.mean, self.code.log_variance)[:, None]
