"""Tables as problems of the protocol: what may be labelled, what training is stopped by, what is tested on."""

from typing import NamedTuple

import torch
from torch import Generator, Tensor

from bayesal.data.datasets import load
from bayesal.learning import Examples
from bayesal.loop.streams import stream
from bayesal.networks import Standardise
from benchmarks._bmdal.setting import Setting

SMALLEST_SHARE = 8  # at most an eighth of a small table is for validation
SYNTHETIC = "synthetic"
BEYOND = 5.0  # standard deviations: inputs are squeezed to as much


class Problem(NamedTuple):
    """``learn``: all points that may be labelled, of which the first ``initial`` are from the start."""

    learn: Examples
    initial: int
    validation: Examples
    test: Examples


def problem(name: str, split: int, setting: Setting) -> Problem:
    """Drawn anew for every split. Inputs and labels are standardised by what may be labelled, validation aside; inputs
    then become 5·tanh(x/5)."""
    inputs, labels = rows(name)
    order = torch.randperm(len(inputs), generator=stream(split, 0, f"split {name}"))
    num_test = round(setting.test_fraction * len(order))
    num_validation = min(setting.validation, len(order) // SMALLEST_SHARE)
    test, validation, rest = order.tensor_split((num_test, num_test + num_validation))
    if setting.pool is not None:
        rest = rest[: setting.initial + setting.pool]
    if len(rest) < setting.initial + setting.steps * setting.batch:
        raise ValueError(f"{name} has {len(rest)} rows that may be labelled, too few for this protocol")
    squeezed = BEYOND * torch.tanh(Standardise.of(inputs[rest])(inputs) / BEYOND)
    targets = Standardise.of(labels[rest, None])(labels[:, None]).squeeze(1)
    learn, validated, tested = (Examples(squeezed[part], targets[part]) for part in (rest, validation, test))
    return Problem(learn, setting.initial, validated, tested)


def rows(name: str) -> tuple[Tensor, Tensor]:
    """The whole table, whatever split it comes with: ``N D`` and ``N``."""
    if name == SYNTHETIC:
        inputs = torch.randn(1_000, 5, generator=Generator().manual_seed(0))
        return inputs, inputs[:, 0].sin() + inputs[:, 1] * inputs[:, 2]
    data = load(name, split=0)
    assert data.labels is not None
    assert data.test_labels is not None
    parts = [part for part in (data.inputs, data.test_inputs) if isinstance(part, Tensor)]
    return torch.cat(parts).float(), torch.cat([data.labels, data.test_labels]).float()
