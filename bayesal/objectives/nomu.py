"""The loss of NOMU: nothing is unsure at the data, everything is away from them, as far as the network can bend."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class NOMULoss:
    """Σ_i (f̂(x_i) - y_i)² + π_sqr Σ_i r̂(x_i)² + π_exp (1/l) Σ_j exp(-c_exp r̂(x̃_j)) (Heiss et al., 2022).

    Sums over the n data points of a step and a mean over its l artificial points x̃. ``stable`` (the default) keeps the
    last two terms from growing faster than linearly: r̂² becomes 2|r̂| - 1 where |r̂| > 1, and exp(-c_exp r̂) becomes
    1 - c_exp r̂ where r̂ < 0, its tangent at 0, which no number type overflows.
    """

    pi_sqr: float = 0.1
    pi_exp: float = 0.01
    c_exp: float = 30.0
    stable: bool = True

    def __post_init__(self) -> None:
        for name in ("pi_sqr", "pi_exp", "c_exp"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, but it is {getattr(self, name)}")

    def __call__(
        self,
        predictions: Float[Tensor, "N"],
        targets: Float[Tensor, "N"],
        at_data: Float[Tensor, "N"],
        at_artificial: Float[Tensor, "L"],
    ) -> Float[Tensor, ""]:
        """All three terms, from f̂(x), y, r̂(x) and r̂(x̃)."""
        return squared_errors(predictions, targets) + self.uncertainty(at_data, at_artificial)

    def uncertainty(self, at_data: Float[Tensor, "N"], at_artificial: Float[Tensor, "L"]) -> Float[Tensor, ""]:
        """The two terms of the raw uncertainty r̂ alone."""
        return self.pi_sqr * self._pull(at_data).sum() + self.pi_exp * self._push(at_artificial).mean()

    def _pull(self, raw: Float[Tensor, "N"]) -> Float[Tensor, "N"]:
        if not self.stable:
            return raw.square()
        near = raw.clamp(-1, 1)
        return near.square() + 2 * (raw - near).abs()

    def _push(self, raw: Float[Tensor, "L"]) -> Float[Tensor, "L"]:
        if not self.stable:
            return (-self.c_exp * raw).exp()
        return self.c_exp * (-raw).relu() + (-self.c_exp * raw.relu()).exp()


def squared_errors(predictions: Float[Tensor, "N"], targets: Float[Tensor, "N"]) -> Float[Tensor, ""]:
    """Σ_i (f̂(x_i) - y_i)²."""
    return (predictions - targets).square().sum()
