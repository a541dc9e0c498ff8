"""Training and evaluation mode of networks, put back as they were."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn


class Modes:
    """Networks to be trained, as a context: afterwards every module's ``training`` flag is what it was before.

    A network handed over in training mode keeps what its modules say (a normalisation frozen in evaluation mode stays
    so); one handed over in evaluation mode, as pretrained networks are, is put into training mode whole.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self._before = {module: module.training for network in networks for module in network.modules()}
        wholly = {module for network in networks if not network.training for module in network.modules()}
        self._training = {module: flag or module in wholly for module, flag in self._before.items()}

    def __enter__(self) -> "Modes":
        self._set(self._training)
        return self

    def __exit__(self, *exception: object) -> None:
        self._set(self._before)

    @contextmanager
    def evaluation(self) -> Iterator[None]:
        """Everything in evaluation mode, then back to training."""
        self._set(dict.fromkeys(self._training, False))
        try:
            yield
        finally:
            self._set(self._training)

    def _set(self, flags: dict[nn.Module, bool]) -> None:
        for module, flag in flags.items():
            module.training = flag
