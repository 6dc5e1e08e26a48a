"""Runs a service, and ends it with all that it started when standard input ends.

    python -m skerry.stack.keeper PROGRAM [ARGUMENT …]

The stack holds the other end of standard input, so a service that knows nothing of skerry does not outlive
it, however it ends. The keeper is started as the leader of a process group of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""


def main() -> int:
    """The exit code is the service's; 127 when it cannot be started."""
    try:
        service = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)  # noqa: S603 (declared by the user)
    except OSError as error:
        print(f"{sys.argv[1]} cannot be started: {error.strerror}", flush=True)
        return 127
    signal.signal(signal.SIGTERM, lambda *_: service.terminate())
    threading.Thread(target=_watch, args=(service,), daemon=True).start()
    return service.wait()


def _watch(service: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 65536):
        pass
    service.terminate()
    try:
        service.wait(GRACE)
    except subprocess.TimeoutExpired:
        service.kill()
    if sys.platform != "win32":
        os.killpg(os.getpid(), signal.SIGKILL)  # what the service left behind, and the keeper itself


if __name__ == "__main__":
    sys.exit(main())
