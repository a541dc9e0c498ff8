"""What self-supervised losses look at in place of the features themselves."""

from collections.abc import Sequence

from torch import nn

WIDEST = 4  # times the features: wider layers cost more than a small network itself, and say nothing new


class Projector(nn.Sequential):
    """Linear, batch normalisation, ReLU for each width but the last, whose layer is linear alone; none has a bias.

    ``N features`` to ``N widths[-1]``, as Barlow Twins have it (Zbontar et al., 2021). No layer is wider than
    four times the features, so that the same widths do for small networks.
    """

    def __init__(self, features: int, widths: Sequence[int] = (1024, 1024, 1024)) -> None:
        if not widths or min(widths) < 1:
            raise ValueError(
                f"a projector needs at least one layer, each of at least 1 number, but got {tuple(widths)}"
            )
        widths = [min(width, WIDEST * features) for width in widths]
        layers: list[nn.Module] = []
        before = features
        for width in widths[:-1]:
            layers += [nn.Linear(before, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()]
            before = width
        super().__init__(*layers, nn.Linear(before, widths[-1], bias=False))
