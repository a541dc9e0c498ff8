"""What an oracle answered, id by id."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from torch import Tensor

from bayesal.loop.encoding import plain_id
from bayesal.types import Id

Oracle: TypeAlias = Callable[[list[Id]], Any]
"""Answers at once: ids become ``{id: label}`` or one label an id; None for what cannot be labelled."""


def align(ids: Sequence[Id], answers: Any) -> dict[Id, Any]:
    """``{id: answer}`` in the order of ``ids``, from such a mapping or from a sequence with one answer an id.

    None stands for "cannot be labelled". An id the mapping leaves out is left out. Raises ValueError for answers about
    ids that were not asked, for a sequence of another length, and for anything else.
    """
    if isinstance(answers, Mapping):
        answered = {plain_id(key): answer for key, answer in answers.items()}
        strangers = [key for key in answered if key not in set(ids)]
        if strangers:
            raise ValueError(
                f"the oracle answered {strangers[0]!r}, which it was not asked; it was asked {_few(ids)}: "
                "answer with the ids it is given (7 is not '7')"
            )
        return {key: answered[key] for key in ids if key in answered}
    if isinstance(answers, pd.Series):
        answers = answers.tolist()
    if not isinstance(answers, list | tuple | np.ndarray | Tensor) or getattr(answers, "ndim", 1) == 0:
        raise ValueError(
            f"the oracle was asked {len(ids)} ids and answered with a {type(answers).__name__}; "
            "expected {id: label}, or a list, array or tensor with one answer an id"
        )
    if len(answers) != len(ids):
        raise ValueError(
            f"the oracle was asked {len(ids)} ids but gave {len(answers)} answers; "
            "give one an id, None for what cannot be labelled"
        )
    return dict(zip(ids, answers, strict=True))


def check_complete(ids: Sequence[Id], answered: Mapping[Id, Any]) -> None:
    """Raises ValueError when the oracle left ids out; None is an answer, silence is not."""
    silent = [key for key in ids if key not in answered]
    if silent:
        raise ValueError(
            f"the oracle left out {_few(silent)} of the {len(ids)} ids it was asked; what it answered is recorded: "
            "answer None for what cannot be labelled, and run again"
        )


def _few(ids: Sequence[Id]) -> str:
    return ", ".join(map(repr, ids[:5])) + (", ..." if len(ids) > 5 else "")
