"""How the command line speaks: one sentence for an error, tables for lists, no traceback unless asked for."""

import os
import sqlite3
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

USER_ERRORS = (ValueError, KeyError, OSError, ImportError, RuntimeError, MemoryError, sqlite3.Error)


class Task(StrEnum):
    """What labels may be; "any" in a table stands for all of them."""

    classification = "classification"
    multilabel = "multilabel"
    regression = "regression"
    dense = "dense"


class Sentences(TyperGroup):
    """A group of commands whose errors are one sentence on stderr and exit code 2; ``--debug`` shows the traceback."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta["bayesal.debug"] = "--debug" in args
        return super().parse_args(ctx, [arg for arg in args if arg != "--debug"])

    def invoke(self, ctx: Any) -> Any:
        if os.getcwd() not in sys.path:  # so that module:name finds the user's own module
            sys.path.insert(0, os.getcwd())
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):  # both are RuntimeErrors, and neither is an error of the user's
            raise
        except KeyboardInterrupt:
            if ctx.meta["bayesal.debug"]:
                raise
            complain("stopped; nothing acknowledged is lost, and the same command continues where it stopped")
            raise typer.Exit(130) from None
        except USER_ERRORS as error:
            if ctx.meta["bayesal.debug"]:
                raise
            complain(sentence(error))
            raise typer.Exit(2) from None


def sentence(error: BaseException) -> str:
    """The error in one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory; take fewer points (--pool-size) or hypotheses (-K)"
    text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    return " ".join(text.split()) or type(error).__name__


def complain(text: str) -> None:
    Console(stderr=True, soft_wrap=True).print(f"[red]bayesal:[/] {escape(text)}", highlight=False)


def say(text: str) -> None:
    Console(soft_wrap=True).print(escape(text), highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    grid = Table(*columns, title=title, title_justify="left", min_width=len(title))
    grid.columns[0].no_wrap, grid.columns[0].overflow = True, "ignore"  # a name that is cut cannot be typed
    for row in rows:
        grid.add_row(*(escape(cell) for cell in row))
    Console().print(grid)


def catalogue(what: str, entries: Sequence[tuple[str, str, Sequence[str]]], words: Sequence[str]) -> None:
    """Entries (name, what it is, more about it, its tasks first) of which all ``words`` are said.

    Raises ValueError if there is none.
    """
    shown = [each for each in entries if all(word.lower() in _said_of(each) for word in words)]
    if not shown:
        raise ValueError(f"nothing is said of {' '.join(words)} in the {len(entries)} {what}; try fewer words, or none")
    grid = Table(box=None, show_header=False, padding=(0, 2, 1, 0))
    grid.add_column(no_wrap=True, overflow="ignore", style="bold")
    grid.add_column()
    for name, summary, more in shown:
        grid.add_row(escape(name), f"{escape(summary)}\n[dim]{escape(' · '.join(more))}[/]")
    Console().print(grid)
    say(f"{len(entries)} {what}." if len(shown) == len(entries) else f"{len(shown)} of {len(entries)} {what}.")


def _said_of(entry: tuple[str, str, Sequence[str]]) -> str:
    name, summary, more = entry
    return " ".join([name, summary, *more, *(Task if more[0] == "any" else ())]).lower()


def frame_table(title: str, frame: Any) -> None:
    """A data frame, numbers to three digits."""
    rows = (
        [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row] for row in frame.itertuples(False)
    )
    table(title, [str(name) for name in frame.columns], rows)
