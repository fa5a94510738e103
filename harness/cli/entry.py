"""Runs the command line, and turns whatever ends it into words and an exit code."""

from __future__ import annotations

import traceback

import typer

from harness.cli.app import app
from harness.cli.exits import BUG, FINE, INTERRUPTED, USER
from harness.errors import HarnessError

# Newer versions of typer have a copy of click of their own: what is typed wrong is known by typer's own name for it.
TYPED_WRONG: tuple[type[Exception], ...] = typer.BadParameter.__bases__


def main() -> int:
    """Runs the command line and gives the exit code; only a bug of harness shows a traceback."""
    try:
        code = app(standalone_mode=False)
    except typer.Exit as end:
        code = end.exit_code
    except TYPED_WRONG as error:
        error.show()  # type: ignore[attr-defined]  # every usage error can
        code = USER
    except HarnessError as error:
        typer.echo(f"{error}\n{_count(len(error.problems))}; {error.after}", err=True)
        code = USER
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        code = INTERRUPTED
    except BrokenPipeError:
        code = FINE
    except Exception:  # noqa: BLE001  # the last stop of a bug: shown whole, with its own exit code
        traceback.print_exc()
        typer.echo("this is a bug of harness: please report it with the lines above", err=True)
        code = BUG
    return code if isinstance(code, int) else FINE


def _count(problems: int) -> str:
    return f"{problems} problem" + ("s" if problems != 1 else "")
