"""The operations agent's program, as a runtime starts it: `python agent.py` serves the container contract."""

from __future__ import annotations

import os

from skerry.agent.app import build
from skerry.settings import AgentSettings

app = build(AgentSettings.from_env(os.environ))

if __name__ == "__main__":
    app.run(timeout_graceful_shutdown=2)  # then open answers are stopped and written down
