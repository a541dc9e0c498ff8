"""Bayesian optimisation by a lower confidence bound, with NOMU's own rule for how unsure it is to be."""

from collections.abc import Callable

import torch
from botorch.test_functions import Branin, Hartmann, Levy
from botorch.test_functions.synthetic import SyntheticTestFunction
from torch import Generator, Tensor, nn

from bayesal.posteriors import NOMU, NOMUCalibration, NOMUTraining
from bayesal.posteriors.nomu_parts.calibration import c_of_width
from bayesal.posteriors.nomu_parts.descent import Descent
from benchmarks._nomu.beliefs import botorch_gp

STARTS = {"Branin": (Branin, 8), "Levy 5-d": (lambda: Levy(dim=5), 20), "Hartmann 6-d": (Hartmann, 24)}
CANDIDATES = 2000
WIDTH = 0.5  # of the bands of NOMU, where labels fill [-1, 1]
MEASURED = 20_000  # points that the width is measured at
DOUBLINGS = 15
LAST_DISTANCE = 0.01
BETA = 2.0  # standard deviations of a GP below its mean


def regrets(name: str, method: str, steps: int, seed: int, smoke: bool) -> list[float]:
    """The best value so far less the least there is: after the start, and after every step."""
    make, count = STARTS[name]
    function = make()
    generator = Generator().manual_seed(seed)
    x = torch.rand(count, function.dim, generator=generator) * 2 - 1
    y = _values(function, x)
    propose = {"random": _randomly, "GP": _by_gp, "NOMU": ByNOMU(count, steps, smoke)}[method]
    found = [y.min().item()]
    for step in range(steps):
        new = propose(x, y, step, generator)
        x, y = torch.cat([x, new[None]]), torch.cat([y, _values(function, new[None])])
        found.append(y.min().item())
    return [value - float(function.optimal_value) for value in found]


def _values(function: SyntheticTestFunction, x: Tensor) -> Tensor:
    bounds = function.bounds
    assert isinstance(bounds, Tensor)
    low, high = bounds.double().unbind()
    return function(low + (x.double() + 1) / 2 * (high - low))


def _candidates(x: Tensor, y: Tensor, generator: Generator) -> Tensor:
    """Half of them anywhere in [-1, 1], half around the best point so far, at distances of all sizes."""
    anywhere = torch.rand(CANDIDATES // 2, x.shape[1], generator=generator) * 2 - 1
    steps = torch.randn(CANDIDATES // 2, x.shape[1], generator=generator)
    sizes = 10 ** (torch.rand(CANDIDATES // 2, 1, generator=generator) * 2.5 - 3)
    return torch.cat([anywhere, (x[y.argmin()] + sizes * steps).clamp(-1, 1)])


def _randomly(x: Tensor, y: Tensor, step: int, generator: Generator) -> Tensor:
    return torch.rand(x.shape[1], generator=generator) * 2 - 1


@torch.no_grad()
def _by_gp(x: Tensor, y: Tensor, step: int, generator: Generator) -> Tensor:
    belief = botorch_gp(x, y, generator)
    points = _candidates(x, y, generator)
    bound = belief.mean(points) - BETA * belief.variance(points).clamp_min(0).sqrt()
    return points[bound.argmin()]


class ByNOMU:
    """c once such that bands are 0.5 wide on average over the box, and doubled where a proposal would fall within ε of
    a point that is known; ε goes geometrically from 2 · 0.25 / (points at the start) to 0.01 (Heiss et al., 2022)."""

    def __init__(self, num_start: int, steps: int, smoke: bool) -> None:
        self.first, self.steps = 2 * 0.25 / num_start, steps
        self.descent = Descent(60 if smoke else 400, 2e-3, progress=False)
        self.c: float | None = None

    @torch.no_grad()
    def __call__(self, x: Tensor, y: Tensor, step: int, generator: Generator) -> Tensor:
        box = (-torch.ones(x.shape[1]), torch.ones(x.shape[1]))
        training = NOMUTraining((128, 128), num_artificial=100, box=box, mixed=False, descent=self.descent)
        with torch.enable_grad():
            belief = NOMU.fit(
                x,
                y,
                scale=nn.Identity(),
                generator=generator,
                training=training,
                calibration=NOMUCalibration(c=self.c or 1.0, noise=0.0),
                warn=False,
            )
        if self.c is None:
            everywhere = torch.rand(MEASURED, x.shape[1], generator=generator) * 2 - 1
            half = (y.max() - y.min()).item() / 2
            self.c = c_of_width(belief.sd(everywhere) / half, WIDTH)
            belief = belief.with_c(self.c)
        points = _candidates(x, y, generator)
        least = self.first * (LAST_DISTANCE / self.first) ** (step / max(1, self.steps - 1))
        proposal, c = points[0], belief.c
        mean, sd = belief.mean(points), belief.sd(points) / c
        for _ in range(DOUBLINGS + 1):
            proposal = points[(mean - c * sd).argmin()]
            if (x - proposal).norm(dim=1).min() >= least:
                break
            c *= 2
        return proposal


METHODS: tuple[str, ...] = ("NOMU", "GP", "random")
Propose = Callable[[Tensor, Tensor, int, Generator], Tensor]
