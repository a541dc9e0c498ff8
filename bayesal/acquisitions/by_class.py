"""Features of labelled points, by their classes: what scores compare a point's features with."""

from collections.abc import Callable

from jaxtyping import Float, Int
from torch import Tensor


def labelled_features(features: Tensor, labels: Tensor) -> tuple[Float[Tensor, "L D"], Int[Tensor, "L"]]:
    """Features in float64, and classes. Raises ValueError for none, NaN, and labels that are not one class a row."""
    if features.ndim != 2 or labels.shape != features.shape[:1] or not features.numel():
        raise ValueError(
            f"labelled features (L, D) and a class for each are needed, at least one, but their shapes are "
            f"{tuple(features.shape)} and {tuple(labels.shape)}"
        )
    if labels.is_floating_point() or labels.is_complex():
        raise ValueError(
            f"features are compared by class, but the labels are {labels.dtype}; classes are whole numbers"
        )
    return checked(features, "labelled row"), labels.long().to(features.device)


def pool_features(features: Tensor, guesses: Tensor, width: int) -> tuple[Float[Tensor, "N D"], Int[Tensor, "N"]]:
    """Features in float64, and the guessed classes. Raises ValueError for NaN, and for shapes that do not fit."""
    if features.ndim != 2 or features.shape[1] != width or guesses.shape != features.shape[:1]:
        raise ValueError(
            f"features (N, {width}) like the labelled ones and a guessed class for each are needed, but their shapes "
            f"are {tuple(features.shape)} and {tuple(guesses.shape)}"
        )
    return checked(features, "row"), guesses.long().to(features.device)


def checked(features: Tensor, what: str) -> Float[Tensor, "N D"]:
    """In float64, if they are finite numbers, else ValueError."""
    rows = features.detach().double()
    finite = rows.sum(1).isfinite()
    if not bool(finite.all()):
        raise ValueError(
            f"features must be finite numbers, but {what} {int((~finite).nonzero()[0])} holds NaN or infinities; check "
            "what the network returns there"
        )
    return rows


def for_each_class(
    features: Float[Tensor, "N D"],
    guesses: Int[Tensor, "N"],
    score: Callable[[Float[Tensor, "n D"], int], Float[Tensor, "n"]],
) -> Float[Tensor, "N"]:
    """``score(features of a class, class)`` for each guessed class, in the order of the rows."""
    scores = features.new_empty(len(features))
    for guess in guesses.unique().tolist():
        own = (guesses == guess).nonzero().squeeze(1)
        scores[own] = score(features[own], guess)
    return scores
