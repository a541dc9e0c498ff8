"""What NOMU settles after training: c, noise and readout, and whether the training did its work."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn

from bayesal.networks.nomu import NOMUNetwork, Readout
from bayesal.posteriors.nomu_parts.artificial import Box
from bayesal.posteriors.nomu_parts.calibration import calibrate, readouts
from bayesal.posteriors.nomu_parts.training import LeftOut

CONVERGED = 0.5  # of the mean standard deviation in the box: the most there should be at a training point
IN_BOX = 1024  # artificial points that is judged by


@dataclass(frozen=True)
class NOMUCalibration:
    """How c and the noise are found. What is given is not looked for: ``c``; ``noise``, the variance of a label around
    the function in its unit squared (0: none).

    ``folds``: without validation points, how many more trainings, each without a share of the training points, show
    what the networks are worth beyond their own points. ``tune``: choose ℓ_min and ℓ_max of the ``readout``, too.
    """

    c: float | None = None
    noise: float | None = None
    folds: int = 5
    readout: Readout = field(default_factory=Readout)
    tune: bool = False

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError(f"leaving points out needs at least 2 folds, but folds is {self.folds}")

    @property
    def needed(self) -> bool:
        """Whether anything is to be found."""
        return self.c is None or self.noise is None or self.tune

    def settle(self, unseen: LeftOut | None, scale: float) -> dict[str, Any]:
        """c, noise (of standardised labels) and readout. Where nothing is known of points that were left out, what was
        not given is 1 for c and 0 for the noise."""
        noise = None if self.noise is None else self.noise / scale**2
        if unseen is None:
            return {"c": 1.0 if self.c is None else self.c, "noise": noise or 0.0, "readout": self.readout}
        tried = readouts(piecewise=self.readout.piecewise) if self.tune else [self.readout]
        found = calibrate(unseen.residuals, unseen.raw, tried, c=self.c, noise=noise)
        return {"c": found.c, "noise": found.noise, "readout": found.readout}


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
