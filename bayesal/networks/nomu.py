"""The network of NOMU: a predictor and, beside it, a network of how unsure it is."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bayesal.networks.mlp import MLP


class NOMUOutputs(NamedTuple):
    """Of N points: the prediction f̂, the raw uncertainty r̂, and the features [h_f; h_r] that r̂ is linear in."""

    prediction: Float[Tensor, "N"]
    raw: Float[Tensor, "N"]
    features: Float[Tensor, "N D"]


class NOMUNetwork(nn.Module):
    """f̂ = head(h_f) and r̂ = raw([h_f; h_r]) with h_f = trunk(x), h_r = side(x) (Heiss et al., 2022).

    ``joint``: what is asked of r̂ in training changes the trunk, too. Else r̂ sees h_f detached then, so that f̂ is the
    same to the last bit with and without the side network. ``first``: a fixed layer that points pass before either.
    Raises ValueError for a head of several outputs.
    """

    def __init__(
        self,
        trunk: nn.Module,
        head: nn.Linear,
        side: nn.Module,
        raw: nn.Linear,
        *,
        joint: bool = False,
        first: nn.Module | None = None,
    ) -> None:
        super().__init__()
        if head.out_features != 1 or raw.out_features != 1:
            raise ValueError(
                "NOMU predicts one amount a point, so the head and raw each have one output, but they have "
                f"{head.out_features} and {raw.out_features}; use one NOMU for each amount"
            )
        self.first = nn.Identity() if first is None else first
        self.trunk, self.head, self.side, self.raw, self.joint = trunk, head, side, raw, joint

    @classmethod
    def of_widths(
        cls, inputs: int, *, hidden: Sequence[int], side: Sequence[int] | None = None, joint: bool = False
    ) -> "NOMUNetwork":
        """Two multi-layer perceptrons of ReLUs of these widths (``side``: by default as wide as the predictor)."""
        predictor = MLP(inputs, 1, hidden=hidden, dropout=0.0)
        body, width = side_network(inputs, hidden if side is None else side)
        return cls(
            nn.Sequential(nn.Flatten(1), predictor.body),
            predictor.head,
            body,
            nn.Linear(predictor.head.in_features + width, 1),
            joint=joint,
        )

    def forward(self, points: Float[Tensor, "N ..."]) -> NOMUOutputs:
        points = self.first(points)
        trunk = self.trunk(points)
        seen = trunk.detach() if self.training and not self.joint else trunk
        features = torch.cat([seen, self.side(points)], dim=1)
        return NOMUOutputs(self.head(trunk).squeeze(1), self.raw(features).squeeze(1), features)

    def predict(self, points: Float[Tensor, "N ..."]) -> Float[Tensor, "N"]:
        """f̂ alone, without a look at the side network."""
        return self.head(self.trunk(self.first(points))).squeeze(1)


def side_network(inputs: int, hidden: Sequence[int]) -> tuple[nn.Module, int]:
    """A perceptron up to its last hidden layer, and the width of that. Raises ValueError if it has no hidden layer."""
    if len(hidden) == 0:
        raise ValueError("the networks of NOMU need at least one hidden layer, for example hidden=(50,)")
    body = MLP(inputs, 1, hidden=hidden, dropout=0.0).body
    return nn.Sequential(nn.Flatten(1), body), hidden[-1]


@torch.no_grad()
def start_uniformly(network: nn.Module, limit: float = 0.05) -> None:
    """Draw all weights and biases anew from the uniform law on ±limit: the start of NOMU's authors."""
    for parameter in network.parameters():
        parameter.uniform_(-limit, limit)


class Readout(nn.Module):
    """From raw uncertainty to standard deviation: φ(z) = ℓ_max (1 - exp(-(max(0, z) + ℓ_min) / ℓ_max)).

    ``piecewise``: ℓ_min + relu(z - ℓ_min) - relu(z - ℓ_max) instead. Either lies above 0 and, but for ℓ_min, rises as z
    up to ℓ_max. Only for predictions: no loss sees it. Raises ValueError unless 0 < ℓ_min < ℓ_max.
    """

    def __init__(self, smallest: float = 1e-3, largest: float = 2.0, *, piecewise: bool = False) -> None:
        super().__init__()
        if not 0 < smallest < largest:
            raise ValueError(f"a readout needs 0 < smallest < largest, but they are {smallest} and {largest}")
        self.smallest, self.largest, self.piecewise = smallest, largest, piecewise

    def extra_repr(self) -> str:
        return f"{self.smallest}, {self.largest}" + (", piecewise=True" if self.piecewise else "")

    def forward(self, raw: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        if self.piecewise:
            return self.smallest + (raw - self.smallest).relu() - (raw - self.largest).relu()
        return -self.largest * torch.expm1(-(raw.relu() + self.smallest) / self.largest)
