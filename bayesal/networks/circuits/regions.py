"""Random region graphs: which features each leaf of a circuit is about (Peharz et al., 2019)."""

import torch
from jaxtyping import Int
from torch import Generator, Tensor


def depth_for(num_features: int, depth: int) -> int:
    """The depth asked for, or the largest that leaves every one of the 2^depth leaf regions a feature."""
    return min(depth, num_features.bit_length() - 1)


def random_slots(
    num_features: int, *, num_members: int, replicas: int, depth: int, generator: Generator
) -> Int[Tensor, "M R L F"]:
    """The features of each leaf region; the number D (one past the last) stands for no feature at all.

    For each member and replica, the features in a random order are halved ``depth`` times. Neighbouring leaf regions
    2i and 2i + 1 are the halves of one region a level above, so the same holds for each level. The L = 2^depth leaf
    regions have D / L features, one more or less, and are padded to the same number of slots F.
    """
    regions = 2**depth
    slots = torch.full((num_members, replicas, regions, -(-num_features // regions)), num_features)
    for member in range(num_members):
        for replica in range(replicas):
            order = torch.randperm(num_features, generator=generator)
            for region, part in enumerate(order.tensor_split(regions)):
                slots[member, replica, region, : len(part)] = part
    return slots
