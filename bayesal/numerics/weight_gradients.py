"""The gradients of one number a point in every weight of a network, without writing them down."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bayesal.numerics.layers import Use
from bayesal.numerics.outer import blocks, squared_norms, written


@dataclass(frozen=True, eq=False)
class Gradients:
    """``products`` holds, by the name of a weight, the uses of it and the gradients of their outputs; ``written`` the
    gradients ``N ...`` in other parameters. Their sum over uses is the gradient."""

    count: int
    products: dict[str, list[tuple[Use, Tensor]]]
    written: dict[str, Float[Tensor, "N ..."]]

    @classmethod
    def of_layers(cls, uses: Sequence[Use], deltas: Sequence[Tensor], names: set[str], count: int) -> "Gradients":
        """Those that follow, in the parameters of these names, from the gradients of the outputs of layers."""
        found = cls(count, {}, {})
        for use, delta in zip(uses, deltas, strict=True):
            if use.weight in names and use.multiplies:
                found.products.setdefault(use.weight, []).append((use, delta))
            elif use.weight in names:
                found._add(use.weight, use.of_weight(delta))
            if use.bias in names:
                found._add(use.bias, use.of_bias(delta))
        return found

    def squared_norms(self) -> dict[str, Float[Tensor, "N"]]:
        """Of the gradient in each parameter, in float64."""
        found = {
            name: torch.linalg.vector_norm(value.flatten(1), dim=1, dtype=torch.float64).square()
            for name, value in self.written.items()
        }
        for name in self.products:
            found[name] = torch.cat([squared_norms(left, right) for left, right in self.factors(name)])
        return found

    def factors(self, name: str, columns: int = 1) -> Iterator[tuple[Tensor, Tensor]]:
        """The factors of the gradient in a weight, of so many points at a time that ``columns`` numbers for each of
        their positions and outputs fit too; positions of several uses stand one after the other."""
        uses = self.products[name]
        for points in blocks(self.count, sum(use.size(columns) for use, _ in uses)):
            left, right = zip(*(use.factors(delta, points) for use, delta in uses), strict=True)
            yield (left[0], right[0]) if len(uses) == 1 else (torch.cat(left, -1), torch.cat(right, -1))

    def rows(self, names: Iterable[str]) -> Iterator[Float[Tensor, "N P"]]:
        """The gradients written down, flat, parameter by parameter, without those that have no part in the outputs."""
        for name in names:
            if name in self.products:
                yield torch.cat([written(left, right).flatten(1) for left, right in self.factors(name)])
            elif name in self.written:
                yield self.written[name].flatten(1)

    def total(self, name: str, points: slice) -> Float[Tensor, "P"]:
        """The gradient in a parameter, summed over these points, flat."""
        if name in self.written:
            return self.written[name][points].sum(0).flatten()
        parts = [use.factors(delta, points) for use, delta in self.products[name]]
        return torch.stack([torch.einsum("ngot,ngit->goi", *factors) for factors in parts]).sum(0).flatten()

    def _add(self, name: str, gradient: Tensor) -> None:
        self.written[name] = self.written[name] + gradient if name in self.written else gradient
