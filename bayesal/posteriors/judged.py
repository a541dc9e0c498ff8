"""A network with dropout, and a judge that was trained beside it: a loss module, a discriminator, a critic."""

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from bayesal.likelihoods import Likelihood, categorical
from bayesal.posteriors.dropout import MCDropout
from bayesal.posteriors.dropout_masks.masked import DropoutHypotheses
from bayesal.posteriors.frozen import frozen_copy
from bayesal.posteriors.network import finite
from bayesal.posteriors.points import Points
from bayesal.posteriors.trained import ShowsNetwork
from bayesal.types import Inputs


class JudgedNetwork(ShowsNetwork):
    """``belief`` in all that a belief does, with a learned score of its own (``Judges``).

    ``judge_network``: the judge, ``N ...`` inputs as the pool gives them to N numbers, larger for points worth more; a
    copy in evaluation mode is called. ``judged_by``: whose score it is, so that no method takes one for another.
    """

    def __init__(self, belief: MCDropout, judge_network: nn.Module, *, judged_by: str = "") -> None:
        self.belief = belief
        self._trained = belief._trained
        self.judge_network = frozen_copy(judge_network)
        self.judged_by = judged_by

    @classmethod
    def dropout(
        cls, network: nn.Module, likelihood: Likelihood = categorical, *, judge: nn.Module, judged_by: str = ""
    ) -> "JudgedNetwork":
        """The network by ``MCDropout``, and its judge. Raises ValueError as ``MCDropout`` does."""
        return cls(MCDropout(network, likelihood), judge, judged_by=judged_by)

    @torch.no_grad()
    def judge(self, inputs: Inputs, /) -> Float[Tensor, "N"]:
        """The judge's score of every point, whatever its batch-mates.

        Raises ValueError for points that are not finite, and for a judge that does not give one number a point.
        """
        points = Points.prepare(inputs, self.judge_network)
        some = points if points.count else points.some()
        positional, named = some.arguments()
        scores = self.judge_network(*positional, **named)
        if not isinstance(scores, Tensor) or scores.shape != (some.count,):
            seen = f"shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else f"a {type(scores).__name__}"
            raise ValueError(f"a judge must give one number a point, but for {some.count} points it gave {seen}")
        return finite(scores[:, None])[: points.count, 0].to(points.device)

    def draw(self, num_hypotheses: int, *, generator: Generator) -> DropoutHypotheses:
        """K fixed functions, as ``MCDropout.draw`` gives them."""
        return self.belief.draw(num_hypotheses, generator=generator)

    @property
    def state(self) -> dict[str, Tensor]:
        """The network's parameters and buffers by name, and those of the judge as ``judge.name``; not copies."""
        judge = {f"judge.{name}": value for name, value in self.judge_network.state_dict().items()}
        return {**self.belief.state, **judge}
