"""Methods that ask a judge that was trained for it: a loss module, a discriminator, a critic."""

from typing import Any

from bayesal import selection
from bayesal.strategies import Blind, Narrow, Pick, Strategy
from bayesal.views import Judged


def loss_prediction(subset: int | None = 10_000) -> Strategy[Any]:
    """The network's loss is predicted to be largest, by a module that was trained beside it.

    Among ``subset`` points drawn at random, so that a batch does not fill with near copies; None for the whole pool.

    Tasks: any. Needs: Judges (loss-prediction). Paper: Yoo and Kweon 2019.
    """
    best = Pick(Judged("loss-prediction"), selection.top)
    return best if subset is None else Narrow(Blind(selection.random), subset, best)


def vaal() -> Strategy[Any]:
    """The code of the point looks least like that of a labelled one, to a discriminator of an autoencoder's codes.

    It sees the points only, and knows nothing of the task.

    Tasks: any. Needs: Judges (vaal). Paper: Sinha et al. 2019.
    """
    return Pick(Judged("vaal"), selection.top)


def waal() -> Strategy[Any]:
    """The label is uncertain, and a critic finds the features unlike labelled ones: bound on the loss less 10 D(x).

    Tasks: classification. Needs: Judges (waal). Paper: Shui et al. 2020.
    """
    return Pick(Judged("waal", classes=True), selection.top)
