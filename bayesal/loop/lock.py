"""One run of a study at a time: a lock that the system lets go of when its process ends, however it ends."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def only_runner(path: Path) -> Iterator[None]:
    """Hold the lock file, or raise ValueError when another process holds it. Windows has no such lock: nothing is held.

    A POSIX record lock, because processes forked meanwhile (data loaders) do not inherit it and outlive it.
    """
    if sys.platform == "win32":
        yield
        return
    from fcntl import LOCK_EX, LOCK_NB, lockf  # Unix only

    with open(path, "a+") as file:
        try:
            lockf(file, LOCK_EX | LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise ValueError(
                f"the study in {path.parent} is being run by another process (pid {holder}); "
                "wait for it or stop it: ask and tell work meanwhile"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
