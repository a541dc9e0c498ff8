"""Supervised learning with a loss module beside the network, which learns to say where the network's loss is large."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Generator, Tensor, nn

from bayesal.data.pool import Pool
from bayesal.learning.examples import Examples
from bayesal.learning.losses import CrossEntropy, Loss
from bayesal.learning.minimise import minimise
from bayesal.learning.recipe import Prepared, check_weights, prepare, printed
from bayesal.learning.streams import Streams, seeded
from bayesal.learning.training import Training
from bayesal.networks.loss_module import LossModule, LossPredictor
from bayesal.networks.stages import outputs_of, stages_of
from bayesal.objectives.ranking import check_ranking, ranking_loss


@dataclass(frozen=True, eq=False, repr=False)
class LossPrediction:
    """A learner: a new network, trained on its loss + λ · ranking loss of a loss module (Yoo and Kweon, CVPR 2019).

    The module sees the outputs of up to ``num_stages`` stages of the network (``networks.stages_of``), ``width``
    features of each, and learns the order of the losses within each batch (``objectives.ranking``, with
    ``margin`` and ``ties``). ``weight`` λ. After the share ``joint_share`` of ``training.max_epochs`` (120 of 200
    epochs in the paper) its gradient no longer goes into the network; with 0 the network is that of ``Supervised``, to
    the last bit. Both are trained by one optimiser, and both end as they were in the best epoch of the network's loss.

    ``wrap(network, likelihood, judge=)`` makes the belief: ``functools.partial(JudgedNetwork.dropout,
    judged_by="loss-prediction")``; the judge maps inputs to N predicted losses, of which only the order means
    anything. The rest is as in ``Supervised``. Raises ValueError as that does, for numbers of the wrong sign, and for
    a network without linear layers and convolutions.
    """

    network: Callable[[], nn.Module]
    wrap: Callable[..., Any]
    weight: float | int = 1.0
    margin: float | int = 1.0
    ties: str = "masked"
    joint_share: float | int = 0.6
    num_stages: int = 4
    width: int = 128
    loss: Loss = field(default_factory=CrossEntropy)
    training: Training = field(default_factory=Training)
    validation: tuple[Tensor, Tensor] | None = None
    standardise: bool = True

    def __repr__(self) -> str:
        return printed(self)

    def __post_init__(self) -> None:
        check_weights(self, "weight")
        if not 0 <= self.joint_share <= 1:
            raise ValueError(f"joint_share is a share of the epochs, from 0 to 1, but it is {self.joint_share}")
        if self.num_stages < 1 or self.width < 1:
            raise ValueError(
                f"num_stages and width must be at least 1, but they are {self.num_stages} and {self.width}"
            )
        check_ranking(self.margin, self.ties)

    def __call__(self, pool: Pool, generator: Generator, /) -> Any:
        """The belief of what is labelled, and the judge of its losses."""
        stream, own = Streams.of(generator), Streams.of(generator)
        ready = prepare(self, pool, [stream])
        network = ready.networks[0]
        loss_module = self._loss_module(ready, own)
        stages = [stage.name for stage in loss_module.stages]
        joint = self.joint_share > 0

        with outputs_of(network, [*stages, ""]) as seen:

            def penalty(_: nn.Module, batch: Examples) -> Tensor:
                outputs = [seen[name] if joint else seen[name].detach() for name in stages]
                losses = ready.loss(seen[""].detach(), batch.targets)
                return self.weight * ranking_loss(loss_module(outputs), losses, margin=self.margin, ties=self.ties)

            def after_epoch(_: nn.Module, epoch: int) -> None:
                nonlocal joint
                joint = epoch + 1 < self.joint_share * self.training.max_epochs

            fits = minimise(
                [_Beside(network, loss_module)],
                ready.loss,
                ready.examples,
                streams=[stream],
                training=self.training,
                validation=ready.validation,
                penalty=penalty,
                on_epoch=after_epoch,
            )
        judge = behind(ready.scale, LossPredictor(network, loss_module))
        trained = ready.trained(fits)
        return self.wrap(trained.networks[0], trained.likelihood, judge=judge)

    def _loss_module(self, ready: Prepared, stream: Streams) -> LossModule:
        network, points = ready.networks[0], ready.examples.inputs[:2]
        like = next(parameter for parameter in network.parameters() if parameter.is_floating_point())
        with seeded(stream.initialisation):
            module = LossModule(stages_of(network, points, self.num_stages), self.width)
        return module.to(like.device, like.dtype)


def behind(scale: nn.Module | None, judge: nn.Module) -> nn.Module:
    """A judge of points on the network's scale as one of the user's points."""
    return judge if scale is None else nn.Sequential(OrderedDict(standardise=scale, judge=judge))


class _Beside(nn.Module):
    """A network, with others that are trained beside it."""

    def __init__(self, network: nn.Module, *others: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.others = nn.ModuleList(others)
        self.train(network.training)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.network(inputs)
