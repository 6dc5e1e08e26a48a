"""Runs AWS's runtime client in an environment: `python bootstrap.py module.function`.

`python bootstrap.py --program FILE …` runs another client of the Runtime API instead: `web_adapter.py`.

It runs in the function's own interpreter, which may have nothing of skerry, so it needs the standard library
and awslambdaric only. Its standard input is a pipe that nobody writes to: it ends when the stack ends, in
whatever way, and then the whole process group goes with it. (PR_SET_PDEATHSIG would end this process alone
and leave behind what a handler has started.)
"""

import os
import runpy
import signal
import sys
import threading
from importlib.util import find_spec

NO_RUNTIME = 87
"""Exit code: awslambdaric is not installed in this interpreter."""


def _die_with_the_stack() -> None:
    alive = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        while os.read(alive, 1):
            pass
        if sys.platform != "win32":
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="stack").start()


def main() -> None:
    """Watches the stack, puts the function's folder first on the path, and runs the handler."""
    _die_with_the_stack()
    if sys.argv[1] == "--program":
        del sys.argv[:2], sys.path[0]
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    sys.path[0] = os.getcwd()  # noqa: PTH109 - this file runs in interpreters where start-up time is what counts
    if find_spec("awslambdaric") is None:
        print(f"awslambdaric is not installed in {sys.executable}")  # noqa: T201 - the log of the environment
        sys.exit(NO_RUNTIME)
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
