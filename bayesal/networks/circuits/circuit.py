"""Random sum-product networks with dense sums, in log space (Peharz et al., 2019 and 2020)."""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn

from bayesal.networks.circuits.leaves import CategoricalLeaves, GaussianLeaves
from bayesal.networks.circuits.regions import depth_for, random_slots
from bayesal.networks.circuits.sums import mixture_of_replicas, sum_of_leaves, sum_of_products


class Circuit(nn.Module):
    """log S_c(x) of C densities over D features that share everything but their topmost sums: ``N D`` to ``N M C``.

    M circuits (members) are evaluated together. Each has R replicas of a random region graph of a ``depth``: 2^depth
    leaf regions with ``num_leaves`` factorised densities each; the two halves u, v of a region meet in ``num_sums``
    sums of their products, log S_s = log Σ_ij w_sij exp(u_i + v_j), at the top in one sum a class; the replicas are
    mixed with weights of their own for each class. All weights are softmaxes of ``sums`` and ``mixture``, so each S_c
    is normalised. The depth is lowered where there are fewer than 2^depth features; depth 0 is a mixture of products.

    A feature that is NaN is missing: what comes out is log S_c of the others, exactly. Leaves are Gaussian, or with
    ``num_values`` categorical over 0, 1, ... (2: Bernoulli).
    Members, and replicas of one member, differ in their region graphs and first weights, drawn from ``generator``.
    Since classes differ only in their topmost sums, ``num_leaves`` and ``num_sums`` must exceed the classes' variety:
    at least 10 for ten classes.
    """

    slots: Int[Tensor, "M R L F"]

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        *,
        num_members: int = 1,
        num_replicas: int = 5,
        depth: int = 3,
        num_leaves: int = 10,
        num_sums: int = 10,
        num_values: int | None = None,
        generator: Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        sizes = (num_features, num_classes, num_members, num_replicas, num_leaves, num_sums)
        if min(sizes) < 1 or depth < 0:
            raise ValueError(
                "a circuit needs at least one feature, class, member, replica, leaf and sum, and a depth of at least "
                f"0, but they are {', '.join(map(str, sizes))} and {depth}"
            )
        depth = depth_for(num_features, depth)
        slots = random_slots(
            num_features, num_members=num_members, replicas=num_replicas, depth=depth, generator=generator
        )
        self.num_features = num_features
        self.register_buffer("slots", slots)
        shape = (*slots.shape, num_leaves)
        self.leaves = (
            GaussianLeaves(shape, generator=generator, dtype=dtype)
            if num_values is None
            else CategoricalLeaves(shape, num_values=num_values, generator=generator, dtype=dtype)
        )

        def weights(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(num_members, *shape, generator=generator, dtype=dtype))

        widths = [num_leaves] + [num_sums] * (depth - 1)  # of the halves that meet at each level
        self.sums = nn.ParameterList(
            weights(num_replicas, 2 ** (depth - 1 - level), num_classes if level == depth - 1 else num_sums, width**2)
            for level, width in enumerate(widths[:depth])
        )
        if depth == 0:
            self.sums.append(weights(num_replicas, 1, num_classes, num_leaves))
        self.mixture = weights(num_classes, num_replicas)

    @property
    def num_members(self) -> int:
        return len(self.mixture)

    @property
    def num_classes(self) -> int:
        return self.mixture.shape[1]

    @property
    def numbers_a_point(self) -> int:
        """How many numbers the widest step of an evaluation holds for one point."""
        _, replicas, regions, slots = self.slots.shape
        statistics = slots * self.leaves.num_statistics
        products = max(weights.shape[-1] for weights in self.sums)
        return self.num_members * replicas * max(regions * statistics, max(1, regions // 2) * products)

    def weights(self) -> list[Tensor]:
        """The weights of all sums, along the last axis: of each level ``M R P S K``, then of the mixture ``M C R``."""
        return [logits.softmax(dim=-1) for logits in (*self.sums, self.mixture)]

    def forward(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "N M C"]:
        return self.log_densities(features, self.weights())

    def log_densities(self, features: Float[Tensor, "N D"], weights: Sequence[Tensor]) -> Float[Tensor, "N M C"]:
        """log S_c of each point by each member, with these weights of the sums instead of the circuit's own."""
        regions = self._leaf_regions(features)
        for level in weights[:-1]:
            if self.slots.shape[2] == 1:
                regions = sum_of_leaves(regions, level)
            else:
                regions = sum_of_products(regions[:, :, 0::2], regions[:, :, 1::2], level)
        return mixture_of_replicas(regions.squeeze(2), weights[-1])

    def choose(self, members: Int[Tensor, "K"], logits: Sequence[Tensor] | None = None) -> "Circuit":
        """A circuit of these members, each as often as it is named; nothing is shared with this one.

        ``logits``: what the weights of its sums are the softmaxes of, instead of what they are now. One member may get
        several rows of them, and is then as many circuits with the same leaves, which are evaluated once.
        """
        chosen = copy.deepcopy(self)
        chosen.slots = self.slots[members]
        for name, parameter in self.named_parameters():
            parent, _, own = name.rpartition(".")
            kept = nn.Parameter(parameter.detach()[members], requires_grad=parameter.requires_grad)
            setattr(chosen.get_submodule(parent), own, kept)
        for parameter, values in zip((*chosen.sums, chosen.mixture), logits or (), strict=logits is not None):
            parameter.data = values
        return chosen

    def _leaf_regions(self, features: Float[Tensor, "N D"]) -> Float[Tensor, "M R L N I"]:
        """The log-densities of the leaf regions: one product of matrices each, of T(x) and η."""
        natural = self.leaves.natural().flatten(-3, -2)
        statistics = nn.functional.pad(self.leaves.statistics(features), (0, 0, 0, 1))  # of no feature: 0
        gathered = statistics[:, self.slots].flatten(-2)  # N M R L FT
        return gathered.permute(1, 2, 3, 0, 4) @ natural
