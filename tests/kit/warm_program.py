"""Stands in for a program that `warm.served` starts: gives it its own standard streams, and ends as it ends.

    python -I -S warm_program.py SOCKET MODULE [WORD …]

The process that listens on SOCKET gets the streams and the words, and says the exit code in one byte.
"""

import json
import os
import socket
import sys


def main() -> int:
    """The exit code of the program; 1 when nobody says one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(sys.argv[1])
        asked = json.dumps({"words": sys.argv[2:], "environment": dict(os.environ)}).encode()
        socket.send_fds(line, [len(asked).to_bytes(4)], [0, 1, 2])
        line.sendall(asked)
        for stream in (0, 1):  # whose end is then that of the program's
            os.close(stream)
        return (line.recv(1) or b"\1")[0]


if __name__ == "__main__":
    os._exit(main())
