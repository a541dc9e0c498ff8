"""Learning of labelled and unlabelled points: a critic tells their features apart, and the features are to hide it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.critic import Game, Uncertain
from bayesal.learning.loss_prediction import behind
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import check_weights, prepare, printed
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Training
from bayesal.learning.unlabelled import Unlabelled
from bayesal.networks.last_layer import inputs_of, last_layer
from bayesal.networks.mlp import MLP


@dataclass(frozen=True, eq=False, repr=False)
class WAAL:
    """A learner: a new network, trained on its loss + α (E_U D(h) - γ E_L D(h)), h its features (Shui et al., 2020).

    The critic D in (0, 1), with ``hidden`` layers and a sigmoid as the authors have it, makes one step of Adam for each
    of the network's, to raise E_U D - γ E_L D - λ E (‖∇D‖ - 1)² on the features as they are without dropout; slopes are
    those between a labelled and another point. Features are the inputs of the last linear layer. ``alpha`` α,
    ``penalty`` λ; ``gamma`` γ is by default the number of labelled points over that of others, as the authors have it.
    With a large α the two may chase each other. Where nothing is unlabelled, the training is that of ``Supervised``,
    and D stays as it was made.
    Both end as they were in the best epoch of the network's loss.

    ``wrap(network, likelihood, judge=)`` makes the belief: ``functools.partial(JudgedNetwork.dropout,
    judged_by="waal")``; the judge is minus ``objectives.adversarial.waal_score``, with the weight ``critic_weight`` of
    D. The rest is as in ``Supervised``. Raises ValueError as that does, for labels that are not classes, for numbers of
    the wrong sign, and for a network that does not end in a linear layer.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[..., Any]
    alpha: float | int = 1e-3
    gamma: float | int | None = None
    penalty: float | int = 5.0
    critic_weight: float | int = 10.0
    critic_rate: float = 1e-3
    hidden: tuple[int, ...] = (512, 512)
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __post_init__(self) -> None:
        check_weights(self, "alpha", "gamma", "penalty", "critic_weight")
        if not 0 < self.critic_rate < float("inf"):
            raise ValueError(f"critic_rate must be a positive number, but it is {self.critic_rate}")
        if not isinstance(self.loss, CrossEntropy):
            raise ValueError(
                f"WAAL bounds the loss of an unknown class, so it takes CrossEntropy, but the loss is "
                f"{type(self.loss).__name__}; for other labels use LossPrediction or VAAL"
            )

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled, and the judge of what is not."""
        stream, own = Streams.of(generator), Streams.of(generator)
        ready = prepare(self, pool, [stream])
        network, points = ready.networks[0], ready.examples.inputs
        with seeded(own.noise):
            layer = last_layer(network, points[:2])
        unlabelled = Unlabelled(pool, ready, self.training.batch_size, own.order)
        with inputs_of(network, layer) as seen:
            game = Game(
                self._critic(network.get_submodule(layer), own),
                layer,
                seen,
                unlabelled,
                alpha=self.alpha,
                gamma=len(points) / max(1, len(unlabelled)) if self.gamma is None else self.gamma,
                slopes=self.penalty,
                rate=self.critic_rate,
                patience=self.training.patience,
                generator=Generator().manual_seed(own.noise),
            )
            fits = minimise(
                [network],
                ready.loss,
                ready.examples,
                streams=[stream],
                training=self.training,
                validation=ready.validation,
                penalty=game.penalty,
                on_step=game.step,
                on_epoch=game.keep,
            )
        game.back_to_best(fits[0])
        judge = behind(ready.scale, Uncertain(network, layer, game.critic, self.critic_weight))
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], trained.likelihood, judge=judge)

    def _critic(self, layer: nn.Module, stream: Streams) -> nn.Module:
        assert isinstance(layer, nn.Linear)
        with seeded(stream.initialisation):
            body = MLP(layer.in_features, 1, hidden=self.hidden, dropout=0.0)
        return nn.Sequential(body, nn.Sigmoid(), nn.Flatten(0)).to(layer.weight.device, layer.weight.dtype)
