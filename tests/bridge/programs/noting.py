"""A stdio server that writes all that reaches it to a file: its arguments, environment and every line."""

import json
import os
import sys
from pathlib import Path

with Path(sys.argv[1]).open("a", encoding="utf-8") as log:
    log.write(json.dumps([sys.argv, dict(os.environ)]) + "\n")
    for line in sys.stdin:
        log.write(line)
        log.flush()
        message = json.loads(line)
        if "id" in message:
            about = {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "serverInfo": {"name": "n", "version": "1"},
            }
            print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": about}), flush=True)
