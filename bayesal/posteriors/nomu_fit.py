"""What NOMU settles after training: c, noise and readout, and whether the training did its work."""

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn

from bayesal.learning.losses import SquaredLoss
from bayesal.learning.recipe import numbers
from bayesal.networks.nomu import NOMUNetwork, Readout
from bayesal.posteriors.artificial import Box
from bayesal.posteriors.calibration import calibrate, readouts
from bayesal.posteriors.nomu_training import LeftOut

CONVERGED = 0.5  # of the mean standard deviation in the box: the most there should be at a training point
IN_BOX = 1024  # artificial points that is judged by


@dataclass(frozen=True)
class Calibrating:
    """How c and the noise are found. What is given is not looked for: ``c``; ``noise``, the variance of a label around
    the function in its unit squared (0: none).

    ``folds``: without validation points, how many more trainings, each without a share of the training points, show
    what the networks are worth beyond their own points. ``tune``: choose ℓ_min and ℓ_max of the readout, too.
    """

    c: float | None = None
    noise: float | None = None
    folds: int = 5
    tune: bool = False

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"leaving points out needs at least 2 folds, but folds is {self.folds}")

    @property
    def needed(self) -> bool:
        """Whether anything is to be found."""
        return self.c is None or self.noise is None or self.tune

    def settle(self, unseen: LeftOut | None, readout: Readout, scale: float) -> dict[str, Any]:
        """c, noise (of standardised labels) and readout. Where nothing is known of points that were left out, what was
        not given is 1 for c and 0 for the noise."""
        noise = None if self.noise is None else self.noise / scale**2
        if unseen is None:
            return {"c": 1.0 if self.c is None else self.c, "noise": noise or 0.0, "readout": readout}
        tried = readouts(piecewise=readout.piecewise) if self.tune else [readout]
        found = calibrate(unseen.residuals, unseen.raw, tried, c=self.c, noise=noise)
        return {"c": found.c, "noise": found.noise, "readout": found.readout}


def points_and_amounts(inputs: Any, labels: Tensor, dtype: torch.dtype) -> tuple[Tensor, Float[Tensor, "L"]]:
    """Both as checked tensors on the inputs' device: points in the networks' number type, labels in double precision.

    Raises ValueError for inputs or labels that are not finite, several labels a point, and no points.
    """
    points = numbers(inputs)
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise ValueError(f"NOMU learns one amount a point, but there are {labels.shape[1]}; use one NOMU for each")
    amounts = SquaredLoss().prepare(labels.cpu(), 1)
    if len(points) != len(amounts) or len(points) == 0:
        raise ValueError(f"NOMU needs points with a label each, but there are {len(points)} and {len(amounts)}")
    return points.to(dtype), amounts.to(points.device)


def standardised(amounts: Tensor, loss: SquaredLoss, dtype: torch.dtype) -> Float[Tensor, "L"]:
    """Labels on the scale of the network."""
    return ((amounts.double() - loss.shift) / loss.scale).to(dtype)


@torch.no_grad()
def check_convergence(
    network: NOMUNetwork, points: Tensor, box: Box, readout: nn.Module, *, generator: Generator
) -> None:
    """Warn if a training point is more than half as unsure as the box is on average."""
    at_points = readout(network(points).raw).max().item()
    in_box = readout(network(box.draw(IN_BOX, generator=generator)).raw).mean().item()
    if at_points > CONVERGED * in_box:
        warnings.warn(
            f"the training of NOMU has not converged: at a training point the standard deviation is {at_points:.3g}, "
            f"more than half of its mean of {in_box:.3g} over the artificial points; train for more epochs, or with "
            "wider networks",
            RuntimeWarning,
            stacklevel=3,
        )
