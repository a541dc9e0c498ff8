"""The loss that the known labels of a pool are learned with, for views that train something small."""

from typing import Any

from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Independent

from bayesal.data.pool import Pool
from bayesal.learning import BinaryCrossEntropy, CrossEntropy, Loss, SquaredLoss
from bayesal.views.networks import predictions_at_one


def label_loss(belief: Any, pool: Pool, what: str) -> tuple[Loss, Tensor, int]:
    """The loss of ``what`` is trained, on the scale of the labels; the labels as it takes them; its number of outputs.

    What the belief predicts says whether numbers are classes or amounts; without predictions whole numbers are classes.
    Classes are counted as far as they are labelled: C labelled classes become the numbers 0 ... C-1.
    Raises ValueError where fewer than two different labels are known, and for maps of labels.
    """
    if not len(pool.labels):
        raise ValueError(f"nothing is labelled yet, so {what} has nothing to learn from; label a first batch at random")
    labels = pool.targets()
    predictions = predictions_at_one(belief, pool)
    base = predictions.base_dist if isinstance(predictions, Independent) else predictions
    if labels.ndim > 2 or (isinstance(base, Categorical) and base is not predictions):
        raise ValueError(f"{what} learns one label or one row of labels a point, but a label here is a map of them")
    if bool((labels == labels[0]).all()):
        raise ValueError(
            f"{what} learns to tell labels apart, but the labels of all {len(labels)} labelled points are equal; label "
            "points that differ, or do without it"
        )
    if base is None:
        amounts = labels.is_floating_point() and labels.ndim == 1
    else:
        amounts = not isinstance(base, Categorical | Bernoulli)
    if amounts:
        loss = SquaredLoss()
        targets = loss.prepare(labels, 1)
        return loss.fit(targets), targets, 1
    if labels.ndim == 2:
        return BinaryCrossEntropy(), BinaryCrossEntropy().prepare(labels, labels.shape[1]), labels.shape[1]
    classes, targets = labels.unique(return_inverse=True)
    return CrossEntropy(), targets, len(classes)
