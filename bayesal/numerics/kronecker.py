"""Rows that are products: ``left_n ⊗ right_n``, kept as their factors, so that N C D numbers are never written down."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils._pytree import tree_map


class Kronecker(Tensor):
    """N rows ``left_n ⊗ right_n`` as a tensor of shape ``(N, C·D)``, or ``(N, R, C·D)`` if left has R rows a point.

    ``left``: ``N C`` or ``N R C``; ``right``: ``N D``, of the same dtype and device. The slow index of a product is the
    left one, as in a flattened ``C x D`` matrix. Rules that know the form work on the factors. Whatever else is done
    with it, it is written down first: any operation of torch gives what it gives for the dense rows, and only taking
    rows keeps the form. No gradient goes through it.

    Raises ValueError for factors that do not fit together.
    """

    left: Float[Tensor, "N ..."]
    right: Float[Tensor, "N D"]

    @staticmethod
    def __new__(cls, left: Tensor, right: Tensor) -> "Kronecker":
        if left.ndim not in (2, 3) or right.ndim != 2 or len(left) != len(right):
            raise ValueError(
                "products need left factors (N, C) or (N, R, C) and right factors (N, D) of the same N rows, but these "
                f"have the shapes {tuple(left.shape)} and {tuple(right.shape)}"
            )
        if left.dtype != right.dtype or left.device != right.device or not left.is_floating_point():
            raise ValueError(
                f"both factors must be floats of one type on one device, but they are {left.dtype} on {left.device} "
                f"and {right.dtype} on {right.device}"
            )
        shape = (*left.shape[:-1], left.shape[-1] * right.shape[1])
        self = Tensor._make_wrapper_subclass(cls, shape, dtype=left.dtype, device=left.device)
        self.left, self.right = left.detach(), right.detach()
        return self

    def dense(self) -> Float[Tensor, "N ..."]:
        """The rows written down."""
        right = self.right if self.left.ndim == 2 else self.right[:, None]
        return (self.left[..., :, None] * right[..., None, :]).flatten(-2)

    def __getitem__(self, key: Any) -> Tensor:
        if isinstance(key, slice | list) or (isinstance(key, Tensor) and key.ndim == 1):
            return Kronecker(self.left[key], self.right[key])
        return self.dense()[key]

    def detach(self) -> "Kronecker":
        return self  # no gradient goes through it

    def numpy(self, *, force: bool = False) -> Any:
        return self.dense().numpy(force=force)

    def tolist(self) -> Any:
        return self.dense().tolist()

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"Kronecker(left={tuple(self.left.shape)}, right={tuple(self.right.shape)}, {self.dtype})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        def written(value: Any) -> Any:
            return value.dense() if isinstance(value, Kronecker) else value

        return func(*tree_map(written, args), **tree_map(written, kwargs or {}))


def gram(rows: Tensor, others: Tensor) -> Float[Tensor, "N M"]:
    """The inner products of all rows ``N D`` with all others ``M D``, by their factors where both are products."""
    if isinstance(rows, Kronecker) and isinstance(others, Kronecker):
        return (rows.left @ others.left.mT) * (rows.right @ others.right.mT)
    return rows @ others.mT


def squared_norms(rows: Tensor) -> Float[Tensor, "N"]:
    """The squared length of every row ``N D``."""
    if isinstance(rows, Kronecker):
        return squared_norms(rows.left) * squared_norms(rows.right)
    return torch.linalg.vector_norm(rows, dim=1).square()
