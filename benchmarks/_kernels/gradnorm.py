"""GradNorm: how long the gradient of the entropy is at every image, over all weights of a convolutional network."""

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, grad, vmap

from bayesal.data.pool import Pool
from bayesal.networks.cnn import MnistCNN
from bayesal.posteriors import TrainedNetwork
from bayesal.views import GradNorm
from benchmarks._compare import Job
from benchmarks._device import Work
from benchmarks._subjects.subject import Case, Setting, Size, Subject

ONE, EACH = "one backward an image", "vmap of grad"
AT_ONCE = 32  # images whose gradients are written down together
FLOPS = 7.7e6  # of one image in one pass, as performance is counted for this network


def build(size: Size, device: torch.device) -> Case:
    n = size["N"]
    images = torch.randn(n, 1, 28, 28, generator=Generator().manual_seed(0)).to(device)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MnistCNN(size["C"]).eval().to(device)
    peers: dict[str, Job] = {ONE: lambda: one_by_one(network, images), EACH: lambda: each(network, images)}
    return Case(
        lambda: ours(network, images),
        {"a pass forward and one backward": Work(flops=2 * FLOPS * n)},
        peers,
    )


def ours(network: nn.Module, images: Tensor) -> Tensor:
    pool = Pool.of(images, progress=False)
    return pool.scan(GradNorm()(TrainedNetwork(network), pool, generator=Generator()))


def entropy(logits: Tensor) -> Tensor:
    logs = logits.log_softmax(-1)
    return -(logs.exp() * logs).sum()


@torch.enable_grad()
def one_by_one(network: nn.Module, images: Tensor) -> Tensor:
    """The sum over the tensors of weights of the norm of each one's gradient."""
    scores = []
    for image in images:
        network.zero_grad()
        entropy(network(image[None])).backward()
        scores.append(sum(p.grad.norm() for p in network.parameters() if p.grad is not None))
    network.zero_grad()
    return torch.stack([torch.as_tensor(score) for score in scores])


def each(network: nn.Module, images: Tensor) -> Tensor:
    state = {name: tensor.detach() for name, tensor in network.named_parameters()}

    def told(state: dict[str, Tensor], image: Tensor) -> Tensor:
        return entropy(functional_call(network, state, (image[None],)))

    gradients = vmap(grad(told), in_dims=(None, 0), chunk_size=AT_ONCE)
    scores = []
    for some in images.split(AT_ONCE):
        scores.append(sum(tensor.flatten(1).norm(dim=1) for tensor in gradients(state, some).values()))
    return torch.cat([torch.as_tensor(score) for score in scores])


GRADNORM = Subject(
    name="gradnorm",
    title="GradNorm",
    build=build,
    small={"N": 20, "C": 4},
    settings=[Setting({"N": 1_000, "C": 10})],
    base={"N": 1_000, "C": 10},
    growth={"N": (500, 1_000, 2_000)},
)
