"""Networks with every kind of layer that gradients are read off, and some that they are not."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm


class Tied(nn.Module):
    """One weight in two layers with biases of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).tanh()).tanh())


class UsedTwice(nn.Module):
    """One layer called twice, a second head that nobody asks, and a parameter of no layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head, self.idle = nn.Linear(5, 5), nn.Linear(5, 3), nn.Linear(5, 2)
        self.scale = nn.Parameter(torch.full((3,), 1.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(self.layer(x).tanh()).tanh()) * self.scale


class AlsoByHand(nn.Module):
    """A layer whose weight is used by a function too, where no module shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.linear(self.layer(x).tanh(), self.layer.weight).tanh())


class Tokens(nn.Module):
    """Linear layers over the places of a sequence: narrow ones, and one so wide that places are compared in pairs."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow, self.norm, self.wide, self.head = (
            nn.Linear(2, 3),
            nn.LayerNorm(3),
            nn.Linear(3, 40),
            nn.Linear(40, 3),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.wide(self.norm(self.narrow(x)).tanh()).tanh()).mean(1)


class Branches(nn.Module):
    """Its way depends on numbers of the point, which ``vmap`` cannot follow."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.head = weight_norm(nn.Linear(5, 4)), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        assert x[0].sum().item() < 100
        return self.head(self.layer(x).tanh())


class Scaled(nn.Linear):
    """A subclass that does something else with its weight."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def convolutions() -> nn.Module:
    """Stride, padding, groups, dilation, and rectifiers in place."""
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, stride=2, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(4, 6, (3, 2), groups=2, dilation=(1, 2), padding="same"),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.Conv2d(6, 20, 2, bias=False),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(240, 3),
    )


def signals() -> nn.Module:
    return nn.Sequential(
        nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2),
        nn.GroupNorm(2, 4),
        nn.ReLU(inplace=True),
        nn.Conv1d(4, 4, 2, padding_mode="circular", padding=1),
        nn.Flatten(),
        nn.Linear(24, 8),
        nn.LayerNorm(8),
        nn.BatchNorm1d(8),
        nn.Linear(8, 3),
    )


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(inplace=True), nn.Linear(7, 3, bias=False))


NETWORKS = {
    "mlp": (mlp, (5,)),
    "convolutions": (convolutions, (2, 9, 8)),
    "signals": (signals, (2, 9)),
    "tied": (Tied, (5,)),
    "used twice": (UsedTwice, (5,)),
    "also by hand": (AlsoByHand, (5,)),
    "tokens": (Tokens, (4, 2)),
    "branches": (Branches, (5,)),
    "subclass": (lambda: nn.Sequential(Scaled(5, 4), nn.Tanh(), nn.Linear(4, 3)), (5,)),
    "unfolded": (lambda: nn.Sequential(nn.Conv3d(1, 2, 2), nn.Flatten(), nn.Linear(16, 3)), (1, 3, 3, 3)),
}
"""What makes each network, and the shape of its points."""


def made(name: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Tensor]:
    """The network in evaluation mode, with normalisations that do something, and seven points."""
    build, shape = NETWORKS[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm):
                nn.init.normal_(module.weight)
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                nn.init.normal_(module.running_mean)
                nn.init.uniform_(module.running_var, 0.5, 2)
    points = torch.randn(7, *shape, generator=Generator().manual_seed(1), dtype=torch.float64)
    return network.to(dtype).eval(), points.to(dtype)
