"""A critic that tells the features of labelled from those of unlabelled points, while the network hides it from it."""

from collections import deque

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn
from torch.optim import Adam

from bayesal.learning.examples import Examples
from bayesal.learning.training import Fit
from bayesal.learning.unlabelled import Unlabelled
from bayesal.networks.last_layer import outputs_and_features
from bayesal.numerics.modes import evaluating
from bayesal.objectives.adversarial import between, critic_difference, gradient_penalty, waal_score


class Game:
    """What a network and the critic D of its features do to each other in a training: E_U D - γ E_L D, and slopes.

    ``penalty``, ``step`` and ``keep`` are the penalty, on_step and on_epoch of ``learning.minimise``, which is to be
    called within ``inputs_of(network, layer)``, whose dictionary is ``seen``. ``slopes`` λ and ``rate`` are those of
    the critic's own step, ``generator`` draws the points between a labelled and another; ``patience`` is that of the
    training. Where nothing is unlabelled there is no game, and D stays as it was.
    """

    def __init__(
        self,
        critic: nn.Module,
        layer: str,
        seen: dict[str, Tensor],
        others: Unlabelled,
        *,
        alpha: float | int,
        gamma: float | int,
        slopes: float | int,
        rate: float,
        patience: int | None,
        generator: Generator,
    ) -> None:
        self.critic = critic
        self._layer = layer
        self._seen = seen
        self._others = others
        self._alpha, self._gamma, self._slopes = alpha, gamma, slopes
        self._generator = generator
        self._optimiser = Adam(critic.parameters(), lr=rate)
        self._batches: tuple[Tensor, Tensor] | None = None  # the labelled and the unlabelled points of the step
        self._states: deque[dict[str, Tensor]] = deque(maxlen=None if patience is None else patience + 1)

    def penalty(self, network: nn.Module, batch: Examples) -> Tensor:
        """α (E_U D - γ E_L D), which the network lowers; the batch has just gone through it."""
        if not len(self._others):
            return batch.inputs.new_zeros(())
        labelled, others = self._seen[self._layer], self._others.next()
        network(others)
        self._batches = batch.inputs, others
        return self._alpha * self._difference(self._seen[self._layer], labelled)

    def step(self, network: nn.Module) -> None:
        """One step of the critic, which raises the difference, on the features as they are without dropout."""
        if self._batches is None:
            return
        with evaluating(network), torch.no_grad():
            labelled, others = (outputs_and_features(network, self._layer, part)[1] for part in self._batches)
        count = min(len(labelled), len(others))
        drawn = torch.rand(count, generator=self._generator, dtype=labelled.dtype).to(labelled.device)
        slopes = gradient_penalty(self.critic, between(others, labelled, drawn))
        loss = self._slopes * slopes - self._difference(others, labelled)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()

    def keep(self, network: nn.Module, epoch: int) -> None:
        """Remember the critic of this epoch."""
        self._states.append({name: value.clone() for name, value in self.critic.state_dict().items()})

    def back_to_best(self, fit: Fit) -> None:
        """The critic as it was in the best epoch of the network."""
        self.critic.load_state_dict(self._states[fit.best_epoch - len(fit.losses)])

    def _difference(self, others: Tensor, labelled: Tensor) -> Tensor:
        return critic_difference(self.critic(others), self.critic(labelled), gamma=self._gamma)


class Uncertain(nn.Module):
    """Points to minus the score of WAAL, ``N ...`` to ``N``: larger where the label is unsure and D is large."""

    def __init__(self, network: nn.Module, layer: str, critic: nn.Module, weight: float | int) -> None:
        super().__init__()
        self.network = network
        self.layer = layer
        self.critic = critic
        self.weight = weight

    def forward(self, points: Shaped[Tensor, "N ..."]) -> Float[Tensor, "N"]:
        logits, features = outputs_and_features(self.network, self.layer, points)
        return -waal_score(logits.log_softmax(dim=1), self.critic(features), weight=self.weight)
