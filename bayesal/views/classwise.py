"""Scores of points together with the class that is guessed for each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from bayesal.acquisitions import FeatureSimilarity, ReconstructionError
from bayesal.data.pool import Pool
from bayesal.recipe import recipe
from bayesal.types import Inputs, Look
from bayesal.views.last_layer import LastLayer, LastLayerLook, class_logits
from bayesal.views.networks import check_classes
from bayesal.views.view import View


@runtime_checkable
class Compares(Protocol):
    """Scores of points by their features and guessed classes, against labelled ones."""

    def __call__(self, features: Tensor, guesses: Tensor, /) -> Float[Tensor, "N"]: ...

    def has_example(self, guesses: Tensor, /) -> Bool[Tensor, "N"]: ...


@dataclass(frozen=True, eq=False)
class ClasswiseLook:
    """Points in, rows (score, guessed class) out, ``N 2``; ``notes`` says how many have no example of their class."""

    last_layer: LastLayerLook
    compare: Compares
    without: str

    @torch.no_grad()
    def __call__(self, inputs: Inputs, /) -> Float[Tensor, "N 2"]:
        guesses = guesses_of(self.last_layer.logits(inputs))
        return rows_of(self.compare(self.last_layer.features(inputs), guesses), guesses)

    def notes(self, rows: Float[Tensor, "N 2"]) -> tuple[str, ...]:
        """A sentence about these rows, if some have no example."""
        count = int((~self.compare.has_example(rows[:, 1].long())).sum())
        if not count:
            return ()
        return (f"{count} of {len(rows)} points are guessed to be of a class with no labelled example: {self.without}",)


@dataclass(frozen=True, repr=False)
class FeatureSim:
    """Rows are (score, guessed class): how unlike the labelled points of that class the features are.

    See ``acquisitions.FeatureSimilarity``. Classes are guessed and features seen as in ``last_layer``.
    Raises ValueError for beliefs that show no features, for other labels than classes, and if nothing is labelled.
    """

    normalize: str = "labelled"
    classwise: bool = True
    last_layer: LastLayer = field(default_factory=LastLayer)

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> ClasswiseLook:
        look = self.last_layer(belief, pool, generator=generator)
        compare = FeatureSimilarity(*_labelled(look, pool), normalize=self.normalize, classwise=self.classwise)
        return ClasswiseLook(look, compare, "they are asked first")


@dataclass(frozen=True, repr=False)
class Reconstruction:
    """Rows are (score, guessed class): what the principal components of that class leave of the features.

    See ``acquisitions.ReconstructionError``. Classes are guessed and features seen as in ``last_layer``.
    Raises ValueError for beliefs that show no features, for other labels than classes, and if nothing is labelled.
    """

    components: float | int = 0.995
    center: bool = True
    classwise: bool = True
    last_layer: LastLayer = field(default_factory=LastLayer)

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> ClasswiseLook:
        look = self.last_layer(belief, pool, generator=generator)
        compare = ReconstructionError(
            *_labelled(look, pool), components=self.components, center=self.center, classwise=self.classwise
        )
        return ClasswiseLook(look, compare, "they are compared with what is labelled of all classes")


@dataclass(frozen=True, repr=False)
class Guessed:
    """Rows are (score, guessed class) for a view whose rows are scores.

    The guess is the likeliest class by the trained network, of several by their mean probability, of other beliefs by
    the mean over ``num_hypotheses`` draws. Raises ValueError for labels that are not one class a point.
    """

    view: View[Any]
    num_hypotheses: int = 100

    __repr__ = recipe

    def __call__(self, belief: Any, pool: Pool, /, *, generator: Generator) -> Look:
        check_classes(belief, pool, "batches with as many of each class")
        score = self.view(belief, pool, generator=generator)
        logits: Callable[[Inputs], Tensor] = class_logits(belief, self.num_hypotheses, generator)

        @torch.no_grad()
        def look(inputs: Inputs) -> Tensor:
            return rows_of(score(inputs), guesses_of(logits(inputs)))

        return look


def guesses_of(logits: Float[Tensor, "N C"]) -> Int[Tensor, "N"]:
    """The likeliest class; one logit alone is that of class 1 against class 0."""
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)


def rows_of(scores: Float[Tensor, "N"], guesses: Int[Tensor, "N"]) -> Float[Tensor, "N 2"]:
    """(score, guessed class) in float64, which holds both."""
    return torch.stack([scores.double(), guesses.to(scores.device).double()], 1)


def _labelled(look: LastLayerLook, pool: Pool) -> tuple[Tensor, Tensor]:
    """Features and classes of what is labelled."""
    if not len(pool.labelled):
        raise ValueError("nothing is labelled yet, so there are no features to compare with: label a first batch")
    labels = pool.targets()
    if labels.ndim != 1 or labels.is_floating_point():
        raise ValueError(
            f"features are compared with those of the guessed class, so labels must be classes, but they are "
            f"{labels.dtype} of shape {tuple(labels.shape)}"
        )
    return pool.scan(look.features, pool.labelled, what="looking at what is labelled"), labels
