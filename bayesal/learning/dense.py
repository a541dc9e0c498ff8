"""Learning from masks: a class at every place of a point."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from bayesal.likelihoods import Likelihood, dense_categorical


@dataclass(frozen=True)
class DenseCrossEntropy:
    """mean_hw -log softmax(outputs)_y for class numbers y at every pixel, in nats a pixel.

    A point's label is a mask ``H W`` (an array or a tensor) of the classes 0 ... C-1, all of one size. Early stopping
    watches the share of wrong pixels.
    """

    def __call__(self, outputs: Float[Tensor, "N C ..."], targets: Int[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        _check(outputs, targets)
        return F.cross_entropy(outputs, targets, reduction="none").flatten(1).mean(1)

    def error(self, outputs: Float[Tensor, "N C ..."], targets: Int[Tensor, "N ..."], /) -> Float[Tensor, "N"]:
        _check(outputs, targets)
        return (outputs.argmax(dim=1) != targets).to(outputs.dtype).flatten(1).mean(1)

    def prepare(self, labels: Tensor, num_outputs: int, /) -> Int[Tensor, "N ..."]:
        if num_outputs < 2:
            raise ValueError(f"masks of classes need a network with at least two outputs a pixel, not {num_outputs}")
        if labels.ndim != 3:
            raise ValueError(
                f"a mask is a class for every pixel, H W, but the labels of {len(labels)} points have shape "
                f"{tuple(labels.shape)}; for one class a point use CrossEntropy"
            )
        whole = labels.to(torch.int64)
        wrong = (whole != labels) | (whole < 0) | (whole >= num_outputs)
        if wrong.any():
            raise ValueError(
                f"a mask must hold the classes 0 ... {num_outputs - 1} that the network's {num_outputs} outputs stand "
                f"for, but there is {labels[wrong][0].item()}"
            )
        return whole

    def fit(self, targets: Int[Tensor, "N ..."], /) -> "DenseCrossEntropy":
        return self

    @property
    def likelihood(self) -> Likelihood:
        return dense_categorical


def _check(outputs: Tensor, targets: Tensor) -> None:
    if outputs.shape[2:] != targets.shape[1:]:
        raise ValueError(
            f"the network gives maps of the size {tuple(outputs.shape[2:])}, but the masks have "
            f"{tuple(targets.shape[1:])}; make them of one size"
        )
