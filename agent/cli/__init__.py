"""The command line: one module for each command, imported when it is asked for.

So ``gateproof --version`` is instant, and ``gateproof trace`` loads neither pydantic nor a scheduler.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, Final, NoReturn

from agent.cli.parser import parse
from agent.errors import GateproofError

if TYPE_CHECKING:
    from collections.abc import Sequence

TROUBLE: Final = 2
DEBUG: Final = "GATEPROOF_DEBUG"
RESIDENT: Final = frozenset({"run", "serve"})
"""Commands that stay; the others end long before cyclic garbage counts."""


def command() -> NoReturn:
    """The program ``gateproof``: ``main``, and out at once."""
    status = main()
    sys.stderr.flush()
    # standard output is flushed, files are closed; to take the model apart object by object would only cost time
    os._exit(status)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status; an expected error is one line on standard error and status 2."""
    try:
        arguments = parse(argv)
        if arguments.command not in RESIDENT:
            gc.disable()  # it would walk the whole model again and again, a fifth of the time, to find nothing
        module = importlib.import_module(f"{__name__}.{arguments.command.replace('-', '_')}")
        status: int = module.run(arguments)
        sys.stdout.flush()
    except GateproofError as error:
        return _trouble(str(error))
    except BrokenPipeError:  # the reader has seen enough
        _drop_output()
        return 128 + 13
    except KeyboardInterrupt:
        _drop_output()
        return 128 + 2
    except OSError as error:
        _drop_output()
        return _trouble(f"{error.filename or 'input or output'}: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001 - the top: a person gets a line, whoever mends it the traceback
        if os.environ.get(DEBUG):
            traceback.print_exc()
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(last.filename)} line {last.lineno}"  # noqa: PTH119 - pathlib costs start-up time
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return _trouble(f"a fault in gateproof itself, please report it: {what} ({place}; {DEBUG}=1 shows more)")
    finally:
        gc.enable()
    return status


def _trouble(text: str) -> int:
    from agent import logs  # noqa: PLC0415 - for those who need it

    sys.stderr.write(logs.trouble(" ".join(text.splitlines())))
    return TROUBLE


def _drop_output() -> None:
    """Keep the interpreter from writing, and failing again, at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
