"""Predictions of several chunks as one."""

from collections.abc import Sequence

import torch
from torch.distributions import Bernoulli, Categorical, Distribution, Independent, Normal


def joined(parts: Sequence[Distribution]) -> Distribution:
    """Distributions of batch shapes (n_i, K, ...) of one kind as one of batch shape (Σ n_i, K, ...).

    For the kinds the library predicts (Categorical, Bernoulli, Normal, Independent); others must be a single part.
    Raises ValueError for no parts, for parts of different kinds, and for an unknown kind.
    """
    if not parts:
        raise ValueError("there are no predictions to join")
    first = parts[0]
    if len(parts) == 1:
        return first
    if any(type(part) is not type(first) for part in parts):
        raise ValueError(
            f"predictions of different kinds cannot be joined: {', '.join(type(p).__name__ for p in parts)}"
        )
    match first:
        case Independent():
            bases = [part.base_dist for part in parts if isinstance(part, Independent)]
            return Independent(joined(bases), first.reinterpreted_batch_ndims, validate_args=False)
        case Categorical() | Bernoulli():
            form = "probs" if all("probs" in vars(part) for part in parts) else "logits"  # as they were made: exact
            values = torch.cat([getattr(part, form) for part in parts])
            return type(first)(**{form: values}, validate_args=False)
        case Normal():
            moments = [torch.cat([getattr(part, name) for part in parts]) for name in ("loc", "scale")]
            return Normal(*moments, validate_args=False)
    raise ValueError(f"predictions of the kind {type(first).__name__} cannot be joined; give them as one chunk")
