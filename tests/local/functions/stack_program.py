"""A stack that does nothing but wait for a function, to be killed by a test: `stack_program.py STATE FIFO`.

It runs the handler `hangs` and is then in the middle of an invocation.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from skerry.auth.aws.sigv4 import Credentials
from skerry.local.functions import FunctionSettings, FunctionsSettings
from skerry.local.functions.function import Function
from skerry.local.functions.invocation import Invocation
from skerry.local.functions.pool import Pool


class Keys:
    """Implements the part of `ports.Access` that environments use."""

    def assume(self, role_arn: str, session_name: str) -> Credentials:
        return Credentials("ASIAEXAMPLE", "secret", "token")

    def revoke(self, credentials: Credentials) -> None:
        pass


class Clock:
    """Implements `ports.Clock`."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()


async def main() -> None:
    state, fifo = sys.argv[1:]
    function = FunctionSettings(path=Path(__file__).parent / "handlers", handler="app.hangs", timeout=600)
    plane = FunctionsSettings(
        state=Path(state), endpoint="http://127.0.0.1:9", region="us-east-1", account="123456789012"
    )
    hangs = Function(name="hangs", arn="arn", settings=function, plane=plane)
    pool = Pool(hangs, access=Keys(), clock=Clock())
    await pool.invoke(Invocation(payload=json.dumps({"fifo": fifo}).encode(), arn="arn", timeout=600))


asyncio.run(main())
