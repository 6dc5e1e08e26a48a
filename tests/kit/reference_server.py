"""The reference server as a program.

python -m tests.kit.reference_server               over stdio
python -m tests.kit.reference_server --http PORT   over HTTP at /mcp; prints its URL when it listens
"""

from __future__ import annotations

import argparse
import warnings

import anyio
from mcp.shared.exceptions import MCPDeprecationWarning

from tests.kit.reference.server import serve_http, serve_stdio


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kit.reference_server")
    parser.add_argument(
        "--http", type=int, metavar="PORT", help="serve HTTP on this port; 0 takes a free one"
    )
    port = parser.parse_args().http
    # Log messages are deprecated from 2026-07-28 on; a server of both eras sends them nevertheless.
    warnings.simplefilter("ignore", MCPDeprecationWarning)
    if port is None:
        anyio.run(serve_stdio)
    else:
        serve_http(port)


if __name__ == "__main__":
    main()
