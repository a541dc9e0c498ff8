"""How far the labels lay from a network while it was trained."""

import copy

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor, nn

from bayesal.learning.losses import SquaredLoss
from bayesal.learning.streams import seeded
from bayesal.posteriors.points import Points

PASSES = 32
DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


@torch.no_grad()
def dropout_noise(
    network: nn.Module,
    inputs: Shaped[Tensor, "L ..."],
    targets: Float[Tensor, "L"],
    *,
    loss: SquaredLoss,
    generator: Generator,
) -> float:
    """The mean squared distance of standardised labels from the network with its dropout on; 0 if it has none.

    Features that were trained with these very labels explain them too well: the evidence of a last layer then takes
    for function what is noise. What the network could not learn with its units dropped is a lower limit of the noise
    that does not share this fault.
    """
    active = [module for module in network.modules() if isinstance(module, DROPOUTS) and module.p > 0]
    if not active or not len(inputs):
        return 0.0
    noisy = copy.deepcopy(network).eval()
    for module in noisy.modules():
        if isinstance(module, DROPOUTS):
            module.train()
    points = Points.prepare(inputs, noisy)
    standard = (targets.to(points.where).double() - loss.shift) / loss.scale
    with seeded(int(torch.randint(2**63 - 1, (), generator=generator))):
        passes = [noisy(*points.arguments()[0]).squeeze(-1).double() for _ in range(PASSES)]
    return float((torch.stack(passes) - standard).square().mean())
