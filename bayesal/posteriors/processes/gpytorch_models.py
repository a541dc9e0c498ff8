"""GPyTorch's models as tensors, which can be copied, pickled and drawn from."""

import math
from typing import Any, cast

import torch
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import Kernel, MaternKernel, RBFKernel, ScaleKernel
from gpytorch.models import ApproximateGP
from gpytorch.variational import IndependentMultitaskVariationalStrategy, VariationalStrategy
from torch import Tensor

from bayesal.posteriors.processes.inducing import Inducing
from bayesal.posteriors.processes.kernels import Stationary

CLOSE = 1e-4  # a single-precision model to our double-precision copy


@torch.no_grad()
def inducing_of(model: ApproximateGP) -> list[Inducing]:
    """What the processes of a model know, without their mean: one part if all share inducing points, else one each.

    For a (whitened) ``VariationalStrategy`` with any variational distribution, alone or as one of the independent
    tasks of an ``IndependentMultitaskVariationalStrategy``, and for the kernels of ``stationary``; ``forward`` must be
    ``mean_module`` and ``covar_module`` of the inputs.
    Raises ValueError for others, and RuntimeError for a model that was never called.
    """
    tasks = cast(Any, model.variational_strategy)
    several = type(tasks) is IndependentMultitaskVariationalStrategy and tasks.task_dim == -1
    strategy = cast(Any, tasks.base_variational_strategy if several else tasks)
    whitened = cast(Any, VariationalStrategy)
    if type(strategy) is not whitened:
        raise ValueError(
            "functions can be drawn from models with a VariationalStrategy, or an "
            "IndependentMultitaskVariationalStrategy of one along the last batch axis, but this model has a "
            f"{type(strategy).__name__}"
        )
    if not strategy.variational_params_initialized.item() or not strategy.updated_strategy.item():
        raise RuntimeError("the Gaussian process was never trained: maximise its ELBO before drawing from it")
    q = strategy._variational_distribution()
    mean = q.mean.detach().double()
    if mean.ndim > 2 or (mean.ndim == 2 and not several and len(mean) > 1):
        raise ValueError(
            f"a batch of processes (here of shape {tuple(mean.shape[:-1])}) needs an "
            "IndependentMultitaskVariationalStrategy, which makes them the outputs of one function"
        )
    mean = mean.expand(tasks.num_tasks if several else 1, -1)
    root = mean.new_zeros(*mean.shape, mean.shape[-1])
    if isinstance(q, MultivariateNormal):  # else all mass is at the mean
        root = q.lazy_covariance_matrix.cholesky().to_dense().detach().double().expand_as(root)
    points, jitter = strategy.inducing_points.detach().double(), strategy.jitter_val
    kernel = _kernel(model, strategy.inducing_points.detach())
    if points.ndim == 2 or len(points) == 1:
        return [Inducing(kernel, points.reshape(-1, points.shape[-1]).clone(), mean.clone(), root.clone(), jitter)]
    outputs = range(len(mean))
    return [
        Inducing(_one(kernel, c), points[c].clone(), mean[c, None].clone(), root[c, None].clone(), jitter)
        for c in outputs
    ]


def stationary(kernel: Kernel, num_columns: int) -> Stationary:
    """``RBFKernel`` or ``MaternKernel``, in a ``ScaleKernel`` or not, of points with ``num_columns`` numbers.

    A batch of B kernels (batch shape ``(B,)``) is B kernels here; columns outside of ``active_dims`` get an infinite
    length. Raises ValueError for another kernel.
    """
    amplitude = torch.ones(1, dtype=torch.float64)
    inner: Any = kernel
    while isinstance(inner, ScaleKernel) and inner.active_dims is None:
        own = inner.outputscale.detach().double().reshape(-1)
        amplitude, inner = amplitude.to(own.device) * own, inner.base_kernel
    if type(inner) not in (RBFKernel, MaternKernel) or len(inner.batch_shape) > 1:
        batch = f" with the batch shape {tuple(inner.batch_shape)}" if len(inner.batch_shape) > 1 else ""
        raise ValueError(
            "functions can be drawn from GPyTorch's RBFKernel and MaternKernel, alone or in a ScaleKernel, with one "
            f"batch axis at most, but the kernel is a {type(inner).__name__}{batch}"
        )
    own: Tensor = inner.lengthscale.detach().double()
    own = own.reshape(-1, own.shape[-1])
    chosen = cast(Any, inner).active_dims
    active = torch.arange(num_columns) if chosen is None else chosen.cpu()
    lengths = own.new_full((len(own), num_columns), math.inf)
    lengths[:, active] = own.expand(-1, len(active))
    smoothness = float(inner.nu) if isinstance(inner, MaternKernel) else math.inf
    return Stationary(lengths, amplitude.to(lengths), smoothness)


def _kernel(model: Any, points: Tensor) -> Stationary:
    """The model's kernel, if that and its mean are all that ``forward`` makes of points."""
    some = points.reshape(-1, points.shape[-1])[:8]
    kernel = stationary(model.covar_module, points.shape[-1])
    prior = model.forward(some)
    ours = kernel(some.double(), some.double()).to(some)
    same = torch.allclose(prior.covariance_matrix, ours, rtol=CLOSE, atol=CLOSE)
    if not same or not torch.allclose(prior.mean, model.mean_module(some), rtol=CLOSE, atol=CLOSE):
        raise ValueError(
            f"the forward of the model ({type(model).__name__}) must be its mean_module and covar_module of the "
            "inputs; give what comes before them, such as a network, as scale="
        )
    return kernel


def _one(kernel: Stationary, c: int) -> Stationary:
    """That of one output."""
    lengths = kernel.lengths[c, None] if len(kernel.lengths) > 1 else kernel.lengths
    amplitude = kernel.amplitude[c, None] if len(kernel.amplitude) > 1 else kernel.amplitude
    return Stationary(lengths, amplitude, kernel.smoothness)
