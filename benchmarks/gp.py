"""Functions of a Gaussian process at N points against GPyTorch's joint draws: ``python -m benchmarks.gp [--smoke]``.

Both draw K functions of one fitted model, Matérn-5/2 with 200 labels of 8 columns, in double precision and one
process, taking turns. "joint" is ``model(points).rsample``: a Cholesky factor of N x N, exact, and of these points
alone (another call gives other functions). "BoTorch" is ``draw_matheron_paths`` with as many waves as ours. The error
is that of the covariance of 2,000 draws at 50 of the points: the largest over the prior variance.
"""

import argparse
import warnings
from collections.abc import Callable
from typing import Any

import gpytorch
import torch
from botorch.models import SingleTaskGP
from botorch.sampling.pathwise import draw_matheron_paths
from botorch.sampling.pathwise.prior_samplers import draw_kernel_feature_paths
from torch import Generator, Tensor

from bayesal.posteriors import ExactGP
from bayesal.posteriors.processes.paths import NUM_FREQUENCIES
from benchmarks._compare import added_peak, seconds
from benchmarks._measure import exponent

OURS, JOINT, BOTORCH = "bayesal", "GPyTorch, joint", "BoTorch, paths"
LABELS, COLUMNS = 200, 8


def fitted() -> SingleTaskGP:
    """A model with hyper-parameters as after a fit."""
    x = torch.rand(LABELS, COLUMNS, dtype=torch.float64)
    y = (3 * x[:, :1]).sin() + x[:, 1:2] * x[:, 2:3] + 0.1 * torch.randn(LABELS, 1, dtype=torch.float64)
    kernel: Any = gpytorch.kernels.ScaleKernel(gpytorch.kernels.MaternKernel(nu=2.5, ard_num_dims=COLUMNS))
    kernel.double()
    kernel.base_kernel.lengthscale = torch.linspace(0.5, 2.0, COLUMNS)
    kernel.outputscale = 1.0
    model = SingleTaskGP(x, (y - y.mean()) / y.std(), covar_module=kernel, outcome_transform=None)
    likelihood: Any = model.likelihood
    likelihood.noise = 0.05
    return model.eval()


def jobs_of(model: SingleTaskGP, k: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Points to K values each, by name; ours first. Drawing the functions is part of the job."""
    belief = ExactGP(model)

    def ours(points: Tensor) -> Tensor:
        return belief.draw(k, generator=Generator().manual_seed(0))(points).loc

    def joint(points: Tensor) -> Tensor:
        model.train().eval()  # GPyTorch keeps what it computed from the labels: start anew
        with gpytorch.settings.fast_computations(False, False, False):
            told: Any = model(points)
            return told.rsample(torch.Size([k])).T

    def botorch(points: Tensor) -> Tensor:
        def prior(*arguments: Any, **settings: Any) -> Any:
            return draw_kernel_feature_paths(*arguments, **settings, num_features=2 * NUM_FREQUENCIES)

        return draw_matheron_paths(model, torch.Size([k]), prior_sampler=prior)(points).T

    return {OURS: ours, JOINT: joint, BOTORCH: botorch}


def error(model: SingleTaskGP, job: Callable[[Tensor], Tensor], points: Tensor) -> float:
    exact = ExactGP(model).covariance(points, points)
    return float((job(points).cov() - exact).abs().max())


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gp", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="a few seconds, to see that it runs")
    smoke = parser.parse_args().smoke
    k, rounds, sizes = (8, 1, (50, 100, 200)) if smoke else (100, 3, (1_250, 2_500, 5_000))
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    model = fitted()
    jobs, taken = jobs_of(model, k), {}
    print(f"{k} functions, {torch.get_num_threads()} threads, medians of {rounds}")
    for n in sizes:
        points = torch.rand(n, COLUMNS, dtype=torch.float64)
        taken[n] = seconds({name: (lambda job=job, x=points: job(x)) for name, job in jobs.items()}, rounds)
        print(f"N = {n}")
        for name, job in jobs.items():
            ratio = taken[n][name] / taken[n][OURS]
            added = added_peak(lambda job=job, x=points: job(x))
            print(f"  {name:18}{taken[n][name]:9.3f} s{ratio:7.1f}x of ours  +{added:7.0f} MiB", flush=True)
    for name in jobs:
        print(f"growth with N, {name}: power {exponent(sizes, [taken[n][name] for n in sizes]):.2f}")
    few = torch.rand(50, COLUMNS, dtype=torch.float64)
    for name, job in jobs_of(model, 50 if smoke else 2_000).items():
        print(f"error of the covariance, {name}: {error(model, job, few):.3f}")


if __name__ == "__main__":
    main()
