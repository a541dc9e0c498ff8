"""The door of the one training loop: one network, or several of one architecture together."""

from collections.abc import Sequence

import torch
from torch import nn

from bayesal.learning.agreement import agree
from bayesal.learning.epochs import Epochs, OnEpoch, OnStep, Penalty
from bayesal.learning.examples import Examples
from bayesal.learning.losses import Loss
from bayesal.learning.modes import Modes
from bayesal.learning.streams import Streams
from bayesal.learning.together import stackable
from bayesal.learning.training import Fit, Training


def minimise(
    networks: Sequence[nn.Module],
    loss: Loss,
    examples: Examples,
    *,
    streams: Sequence[Streams],
    training: Training,
    validation: Examples | None = None,
    together: bool | None = None,
    penalty: Penalty | None = None,
    on_epoch: OnEpoch | None = None,
    on_step: OnStep | None = None,
) -> list[Fit]:
    """Train each network on all examples, in place, from its own streams; it ends with the weights of its best epoch.

    ``together``: train the networks as one never (False), always (True), or where a step taken both ways gives the
    same to the last bit (None, the default): multi-layer perceptrons on a CPU, about three times faster for ten of
    them. Networks with buffers, with frozen weights or with weights of other than linear layers are trained one after
    the other: convolutions fill the processor alone.

    ``penalty(network, batch)``: nats added to the mean loss of every step, which is that of the examples ``batch``.
    ``on_step(network)``: called after every step of the optimiser, ``on_epoch(network, epoch)`` after every epoch, with
    the weights as they are then; copy what is to be kept. Each of them makes the networks be trained one after the
    other. Global generators and training flags are left as they were.
    Raises ValueError if every training diverged (met a loss that is not finite); ``Fit.diverged`` says which one did.
    """
    if not networks or len(networks) != len(streams):
        raise ValueError(f"every network needs its own streams: there are {len(networks)} and {len(streams)}")
    if together and not stackable(networks):
        raise ValueError(
            "these networks cannot be trained together: their weights must be alike in shape, all trained, and all of "
            "linear layers; leave together=None to train them one after the other"
        )
    with torch.enable_grad(), Modes(networks) as modes:
        epochs = Epochs(loss, examples, validation, training, modes, penalty, on_epoch, on_step)
        alone = any(part is not None for part in (penalty, on_epoch, on_step))
        if together and alone:
            raise ValueError(
                "a penalty, on_step and on_epoch look at one network at a time; leave together=None with them"
            )
        if together is None and len(networks) > 1:
            together = (
                not alone and stackable(networks) and agree(networks, epochs, [stream.noise for stream in streams])
            )
        if together:
            fits = epochs.run(networks, streams, together=True)
        else:
            fits = [epochs.run([n], [s], together=False)[0] for n, s in zip(networks, streams, strict=True)]
    if all(fit.diverged for fit in fits):
        raise ValueError(
            f"the training diverged: a loss of epoch {len(fits[0].losses)} is not finite; lower the learning rate "
            f"(now {training.learning_rate}), set clip_norm, or look at the scale of the inputs and targets"
        )
    return fits
