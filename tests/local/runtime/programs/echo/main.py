"""An agent on BedrockAgentCoreApp: answers what it was sent and what it knows about itself."""

import os
import sys

from bedrock_agentcore import BedrockAgentCoreApp
from starlette.responses import Response

app = BedrockAgentCoreApp()


@app.entrypoint
async def handle(payload, context):
    if "status" in payload:
        return Response('{"error": "asked for"}', status_code=payload["status"])
    if "stream" in payload:
        return stream(payload["stream"])
    return {
        "payload": payload,
        "session": context.session_id,
        "headers": context.request_headers,
        "pid": os.getpid(),
        "parent": os.getppid(),
        "argv": sys.argv,
        "path": sys.path[0],
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
    }


async def stream(count):
    for number in range(count):
        yield {"number": number}


if __name__ == "__main__":
    app.run()
