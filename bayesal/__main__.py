"""``python -m bayesal`` is ``bayesal``."""

from bayesal.cli import app

if __name__ == "__main__":
    app()
