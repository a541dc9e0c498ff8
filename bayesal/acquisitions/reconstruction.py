"""FRE: how far a point's features lie from where the labelled ones of its guessed class vary."""

from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.acquisitions.by_class import for_each_class, labelled_features, pool_features


class Subspace(NamedTuple):
    """A mean, and orthonormal directions from it."""

    mean: Float[Tensor, "D"]
    directions: Float[Tensor, "M D"]


class ReconstructionError:
    """FRE(x) = ‖c - Vᵀ V c‖², c = z - μ: what the principal components of a class leave of features (Krishnan, 2021).

    μ and V, ``M D``, are the mean and the first M principal components of the labelled features z of the class that is
    guessed for x. ``components``: a share of their variance, of which the fewest components with more than it are
    taken, or a number of components; never more than their rank. ``center=False``: c = z, with the same components.
    ``classwise=False``: one mean and components of all labelled points.

    A guessed class without a labelled example is compared with those of all labelled points. One example alone has no
    components: FRE is the squared distance to it. Float64 throughout, by the residual itself: a difference of squared
    lengths would lose what is left. Raises ValueError for features or labels that do not fit.
    """

    def __init__(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        components: float | int = 0.995,
        center: bool = True,
        classwise: bool = True,
    ) -> None:
        share = isinstance(components, float)
        if not (0 < components < 1 if share else components >= 0):
            raise ValueError(
                "components must be a share of the variance between 0 and 1, or a whole number of components of at "
                f"least 0, but it is {components}"
            )
        known, classes = labelled_features(features, labels)
        self.components = components
        self.center = center
        self._known = known
        kinds = classes.unique().tolist() if classwise else []
        self._own = {kind: principal(known[classes == kind], components) for kind in kinds}

    def __call__(self, features: Tensor, guesses: Tensor) -> Float[Tensor, "N"]:
        """Scores of points with these features ``N D`` and guessed classes ``N``."""
        return for_each_class(*pool_features(features, guesses, self._known.shape[1]), self._score)

    def has_example(self, guesses: Tensor) -> Tensor:
        """Whether these guesses are compared with labelled points of their own class, where they should be."""
        return torch.isin(guesses, torch.tensor(list(self._own), device=guesses.device)) | (not self._own)

    @cached_property
    def _whole(self) -> Subspace:
        return principal(self._known, self.components)

    def _score(self, points: Float[Tensor, "n D"], guess: int) -> Float[Tensor, "n"]:
        space = self._own.get(guess) or self._whole
        if self.center:
            points = points - space.mean
        return (points - (points @ space.directions.mT) @ space.directions).square().sum(1)


def principal(rows: Float[Tensor, "n D"], components: float | int) -> Subspace:
    """The mean and the first principal components of rows: so many, or the fewest with more than this share."""
    mean = rows.mean(0)
    centred = rows - mean
    if len(rows) > rows.shape[1]:
        centred = torch.linalg.qr(centred, mode="r").R  # has the same right singular vectors, and is small
    _, lengths, directions = torch.linalg.svd(centred, full_matrices=False)
    noise = max(rows.shape) * torch.finfo(rows.dtype).eps * max(float(lengths[0]), float(rows.abs().max()))
    rank = int((lengths > noise).sum())
    count = min(components, rank)
    if isinstance(components, float):
        shares = lengths[:rank].square().cumsum(0) / lengths[:rank].square().sum()
        count = min(int((shares <= components).sum()) + 1, rank)
    return Subspace(mean, directions[: int(count)])
