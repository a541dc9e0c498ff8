"""Learning of labelled and unlabelled points: a critic tells their features apart, and the features are to hide it."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn
from torch.optim import Adam

from bayesal.data.pool import Pool
from bayesal.learning.examples import Examples
from bayesal.learning.loss_prediction import behind
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import Prepared, check_weights, prepare, printed
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Training
from bayesal.learning.unlabelled import Unlabelled
from bayesal.networks.mlp import MLP
from bayesal.networks.stages import head_of, inputs_of
from bayesal.networks.trunk import split_head
from bayesal.objectives.adversarial import between, critic_difference, gradient_penalty, waal_score
from bayesal.objectives.function_norm import evaluating


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
            width = split_head(network, points[:2])[1].in_features
            head = head_of(network, points[:2])
        critic = self._critic(width, ready, own)
        unlabelled = Unlabelled(pool, ready, self.training.batch_size, own.order)
        gamma = len(points) / max(1, len(unlabelled)) if self.gamma is None else self.gamma
        shares = Generator().manual_seed(own.noise)
        optimiser = Adam(critic.parameters(), lr=self.critic_rate)
        batches: list[Tensor] = []  # the labelled and the unlabelled points of the step
        patience = self.training.patience
        states: deque[dict[str, Tensor]] = deque(maxlen=None if patience is None else patience + 1)

        with inputs_of(network, head) as seen:

            def adversary(_: nn.Module, batch: Examples) -> Tensor:
                if not len(unlabelled):
                    return points.new_zeros(())
                labelled, others = seen[head], unlabelled.next()
                network(others)
                batches[:] = [batch.inputs, others]
                return self.alpha * critic_difference(critic(seen[head]), critic(labelled), gamma=gamma)

            def criticise(_: nn.Module) -> None:
                if not len(unlabelled):
                    return
                labelled, others = (self._features(network, head, seen, part) for part in batches)
                count = min(len(labelled), len(others))
                drawn = torch.rand(count, generator=shares, dtype=labelled.dtype).to(labelled.device)
                slopes = gradient_penalty(critic, between(others, labelled, drawn))
                difference = critic_difference(critic(others), critic(labelled), gamma=gamma)
                optimiser.zero_grad()
                (self.penalty * slopes - difference).backward()
                optimiser.step()

            def keep(_: nn.Module, epoch: int) -> None:
                states.append({name: value.clone() for name, value in critic.state_dict().items()})

            fits = minimise(
                [network],
                ready.loss,
                ready.examples,
                streams=[stream],
                training=self.training,
                validation=ready.validation,
                penalty=adversary,
                on_step=criticise,
                on_epoch=keep,
            )
        critic.load_state_dict(states[fits[0].best_epoch - len(fits[0].losses)])
        judge = behind(ready.scale, Uncertain(network, head, critic, self.critic_weight))
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], trained.likelihood, judge=judge)

    def _critic(self, width: int, ready: Prepared, stream: Streams) -> nn.Module:
        like = next(parameter for parameter in ready.networks[0].parameters() if parameter.is_floating_point())
        with seeded(stream.initialisation):
            body = MLP(width, 1, hidden=self.hidden, dropout=0.0)
        return nn.Sequential(body, nn.Sigmoid(), nn.Flatten(0)).to(like.device, like.dtype)

    @staticmethod
    @torch.no_grad()
    def _features(network: nn.Module, head: str, seen: dict[str, Tensor], points: Tensor) -> Tensor:
        with evaluating(network):
            network(points)
        return seen[head]


class Uncertain(nn.Module):
    """Points to minus the score of WAAL, ``N ...`` to ``N``: larger where the label is unsure and D is large."""

    def __init__(self, network: nn.Module, head: str, critic: nn.Module, weight: float | int) -> None:
        super().__init__()
        self.network = network
        self.head = head
        self.critic = critic
        self.weight = weight

    def forward(self, points: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N"]:
        with inputs_of(self.network, self.head) as seen:
            logits = self.network(points)
        return -waal_score(logits.log_softmax(dim=1), self.critic(seen[self.head]), weight=self.weight)
