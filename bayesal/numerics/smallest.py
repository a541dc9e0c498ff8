"""The k smallest of many numbers in every row."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def smallest(values: Float[Tensor, "n P"], k: int) -> tuple[Float[Tensor, "n k"], Int[Tensor, "n k"]]:
    """The k smallest numbers of each row in order, and their columns; which of equals is not defined.

    Columns are looked at in groups of about √(P / k), since those among the k smallest lie in the k groups with the
    smallest minima: one pass over the numbers, and little to sort.
    """
    size = int((values.shape[1] / max(1, k)) ** 0.5)
    if size < 3:
        found, order = values.topk(k, largest=False)
        return found, order
    groups = values.shape[1] // size
    whole = values[:, : size * groups].unflatten(1, (size, groups))
    among = whole.amin(1).topk(k, largest=False, sorted=False).indices[:, None]
    columns = among + groups * torch.arange(size, device=values.device)[:, None]
    rest = torch.arange(size * groups, values.shape[1], device=values.device).expand(len(values), -1)
    columns = torch.cat([columns.flatten(1), rest], 1)
    found, order = values.gather(1, columns).topk(k, largest=False)
    return found, columns.gather(1, order)
