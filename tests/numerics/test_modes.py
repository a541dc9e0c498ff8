"""Evaluation mode, for all of a network or a part of it, and back."""

import pytest
from torch import nn

from bayesal.numerics.modes import evaluating


def network() -> nn.Sequential:
    made = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.BatchNorm1d(2)).train()
    made[2].eval()  # a frozen normalisation
    return made


def modes(network: nn.Module) -> list[bool]:
    return [module.training for module in network.modules()]


def test_everything_is_in_evaluation_mode_and_then_as_it_was() -> None:
    made = network()
    with evaluating(made):
        assert not any(modes(made))
    assert modes(made) == [True, True, True, False]


def test_only_what_is_of_a_kind_is_in_evaluation_mode() -> None:
    made = network()
    with evaluating(made, nn.Dropout):
        assert modes(made) == [True, True, False, False]
    assert modes(made) == [True, True, True, False]


def test_modes_come_back_when_something_fails() -> None:
    made = network()
    with pytest.raises(RuntimeError), evaluating(made):
        raise RuntimeError
    assert modes(made) == [True, True, True, False]
