"""Sketched gradients: one number of a network of two layers of H, differentiated by all its weights at every point."""

import importlib
import warnings
from typing import Any

import torch
from torch import Generator, Tensor, nn
from torch.distributions import Normal
from torch.func import functional_call, grad, vmap

from bayesal.data.pool import Pool
from bayesal.networks import MLP
from bayesal.posteriors import TrainedNetwork
from bayesal.views import Gradients
from benchmarks._compare import Job
from benchmarks._device import Work
from benchmarks._kernels.bmdal import PLACE, installed
from benchmarks._kernels.inputs import pool_and_given
from benchmarks._subjects.subject import Case, Setting, Size, Subject

BMDAL, EACH = "bmdal_reg", "vmap of grad, then one projection"
AT_ONCE = 64  # points whose gradients are written down together
SIZE = {"N": 20_000, "D": 64, "H": 512, "P": 512}


def build(size: Size, device: torch.device) -> Case:
    points, _ = pool_and_given(size, device)
    n, d, h, p = (size[letter] for letter in "NDHP")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MLP(d, 1, hidden=(h, h), dropout=0.0).eval().to(device)
    peers: dict[str, Job] = {EACH: lambda: each(network, points, p)}
    if installed():
        peers[BMDAL] = lambda: theirs(network, points, p)
    weights = (d + 1) * h + (h + 1) * h + h + 1
    sketches = 2 * n * p * ((d + 1) + h + (h + 1) + h + (h + 1) + 1)
    return Case(
        lambda: ours(network, points, p),
        {
            "a pass forward, one backward, and the sketches of both factors": Work(
                flops=2 * 2 * n * weights + sketches
            ),
            "the projection of written gradients": Work(flops=2 * n * p * weights),
        },
        peers,
        agree=same_kernel,
    )


def ours(network: nn.Module, points: Tensor, numbers: int) -> Tensor:
    pool = Pool.of(points, progress=False)
    belief = TrainedNetwork(network, lambda outputs: Normal(outputs[..., 0], 1.0, validate_args=False))
    return pool.scan(Gradients(numbers)(belief, pool, generator=Generator().manual_seed(0)))


def theirs(network: nn.Module, points: Tensor, numbers: int) -> Tensor:
    layers, features, data = (
        importlib.import_module(f"{PLACE}.{name}") for name in ("layer_features", "features", "feature_data")
    )
    linear = [layers.LinearGradientComputation(each) for each in network.modules() if isinstance(each, nn.Linear)]
    whole = features.Features(layers.create_grad_feature_map(network, linear), data.TensorFeatureData(points))
    whole = whole.batched(8_192)  # its own default
    with torch.enable_grad(), torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return whole.sketch_tfm(numbers)(whole).get_feature_matrix().detach()


def each(network: nn.Module, points: Tensor, numbers: int) -> Tensor:
    state = {name: tensor.detach() for name, tensor in network.named_parameters()}

    def output(state: dict[str, Tensor], point: Tensor) -> Tensor:
        return functional_call(network, state, (point[None],))[0, 0]

    gradients = vmap(grad(output), in_dims=(None, 0))
    generator = torch.Generator(points.device).manual_seed(0)
    count = sum(tensor.numel() for tensor in state.values())
    projection = torch.randn(count, numbers, generator=generator, device=points.device).mul_(numbers**-0.5)
    sketched = points.new_empty(len(points), numbers)
    for some, out in zip(points.split(AT_ONCE), sketched.split(AT_ONCE), strict=True):
        written = torch.cat([tensor.flatten(1) for tensor in gradients(state, some).values()], 1)
        torch.mm(written, projection, out=out)
    return sketched


def same_kernel(theirs: Any, ours: Any) -> None:
    """Sketches are random; all their inner products are the kernel's, up to about 1 / √P."""
    kernels = [rows.double() @ rows.double().T for rows in (theirs, ours)]
    off = float((kernels[0] - kernels[1]).norm() / kernels[0].norm())
    assert off < 0.25, f"the kernels of two sketches differ by {off:.0%}"


GRADIENTS = Subject(
    name="gradients",
    title="sketched gradients",
    build=build,
    small={"N": 50, "D": 8, "H": 16, "P": 512},
    settings=[
        Setting(SIZE, without=frozenset({EACH})),
        Setting({**SIZE, "N": 2_000}, patience=10),
    ],
    base={**SIZE, "N": 10_000},
    growth={"N": (5_000, 10_000, 20_000), "H": (256, 512, 1_024), "P": (256, 512, 1_024)},
)
