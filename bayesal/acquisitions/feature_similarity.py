"""FeatureSim: how unlike the labelled points of its guessed class a point is."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.acquisitions.by_class import for_each_class, labelled_features, pool_features

NORMALISE = ("labelled", "both")
ELEMENTS = 2**22  # products in one block: 32 MiB


class FeatureSimilarity:
    """-s(x), s(x) = max over labelled x' of the class guessed for x of z(x')·z(x) / ‖z(x')‖ (Krishnan et al., 2021).

    z are features, s is the FeatureSim of "Robust Contrastive Active Learning with Feature-guided Query Strategies";
    the least similar are asked first, so its negative is the score. ``normalize="labelled"`` divides by the length of
    the labelled vector alone, as the paper has it, so that a point with small features is unlike all others; "both"
    divides by both, which makes s a cosine. ``classwise=False``: the maximum is over all labelled points.

    A point whose guessed class has no labelled example scores +∞: it is asked first. Labelled features of length 0 are
    left out; z(x) = 0 has the similarity 0. Float64 throughout.
    Raises ValueError for features or labels that do not fit, and if no labelled feature has a length.
    """

    def __init__(
        self, features: Tensor, labels: Tensor, *, normalize: str = "labelled", classwise: bool = True
    ) -> None:
        if normalize not in NORMALISE:
            raise ValueError(f"normalize must be {' or '.join(NORMALISE)}, but it is {normalize!r}")
        known, classes = labelled_features(features, labels)
        lengths = known.norm(dim=1)
        used = lengths > 0
        if not bool(used.any()):
            raise ValueError("all labelled features are zero, so nothing can be compared with them; train the network")
        known, classes = known[used] / lengths[used, None], classes[used]
        self.normalize = normalize
        self.classwise = classwise
        self._width = known.shape[1]
        kinds = classes.unique().tolist() if classwise else [0]
        self._known = {kind: known[classes == kind] if classwise else known for kind in kinds}

    def __call__(self, features: Tensor, guesses: Tensor) -> Float[Tensor, "N"]:
        """Scores of points with these features ``N D`` and guessed classes ``N``."""
        points, guesses = pool_features(features, guesses, self._width)
        if self.normalize == "both":
            lengths = points.norm(dim=1, keepdim=True)
            points = points / torch.where(lengths > 0, lengths, 1.0)
        return for_each_class(points, guesses if self.classwise else torch.zeros_like(guesses), self._score)

    def has_example(self, guesses: Tensor) -> Tensor:
        """Whether there are labelled points that these guesses are compared with."""
        return torch.isin(guesses, torch.tensor(list(self._known), device=guesses.device)) | (not self.classwise)

    def _score(self, points: Float[Tensor, "n D"], guess: int) -> Float[Tensor, "n"]:
        scores = points.new_full((len(points),), math.inf)
        if guess in self._known:
            for some in self._known[guess].split(max(1, ELEMENTS // max(len(points), 1))):
                scores = torch.minimum(scores, -(points @ some.mT).amax(1))
        return scores
