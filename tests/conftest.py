"""What every test runs under: one torch thread, so that xdist's workers do not fight over the cores."""

import pytest
import torch
from hypothesis import settings

settings.register_profile("bayesal", deadline=None)  # a shared machine may pause for longer than any deadline
settings.load_profile("bayesal")


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
