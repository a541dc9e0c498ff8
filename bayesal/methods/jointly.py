"""Methods that count what a batch's labels tell together."""

from typing import Any

from bayesal import selection
from bayesal.methods.points import bald
from bayesal.strategies import Grow, Narrow, Strategy
from bayesal.strategies.either import Either
from bayesal.strategies.gaussian import GrowMoments, GrowSamples, of_the_function
from bayesal.views import Predictions


def batchbald(num_hypotheses: int = 100, num_configurations: int = 10_000, narrow: int | None = None) -> Strategy[Any]:
    """The labels of the batch together tell most about the model: I[y_1, …, y_B; θ | x_1, …, x_B].

    ``narrow`` keeps only that many points of the highest BALD before choosing jointly, for pools whose predictions
    (N x K x C numbers) do not fit in memory.

    Tasks: classification. Needs: Posterior. Paper: Kirsch et al. 2019.
    """
    jointly = Grow(Predictions(num_hypotheses), selection.BatchBALD(num_configurations))
    return jointly if narrow is None else Narrow(bald(num_hypotheses), narrow, jointly)


def kbald(num_hypotheses: int = 100, order: int = 2) -> Strategy[Any]:
    """BatchBALD where only what ``order`` labels tell in common is counted: cheap, and without a bound of ln K.

    Tasks: classification. Needs: Posterior. Paper: Kirsch 2023.
    """
    return Grow(Predictions(num_hypotheses), selection.KBALD(order))


def joint_bald(num_hypotheses: int = 100, noise: float | None = None) -> Strategy[Any]:
    """The labels of the batch together tell most about the function: ½ ln det(I + S / σ²).

    In closed form for a belief with moments, else from the moments of ``num_hypotheses`` functions. ``noise``: the
    variance of a label around the function, by default what the belief says.

    Tasks: regression. Needs: Moments or Posterior. Paper: MacKay 1992; Srinivas et al. 2010.
    """
    return Either(
        GrowMoments(of_the_function, None, noise), GrowSamples(of_the_function, None, num_hypotheses, noise), noise
    )
