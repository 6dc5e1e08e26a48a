"""An agent of AWS's SDK with a WebSocket. What a message asks for in `do` it does."""

import asyncio
import os

from bedrock_agentcore import BedrockAgentCoreApp
from starlette.websockets import WebSocketDisconnect

app = BedrockAgentCoreApp()
SEEN = []


@app.entrypoint
def invoke(payload):
    return {"pid": os.getpid(), "closed": SEEN}


@app.websocket
async def socket(websocket, context):
    if "x-refuse" in websocket.headers:
        await websocket.close()
        return
    await websocket.accept("chat" if "chat" in websocket.scope["subprotocols"] else None)
    try:
        while True:
            await answer(websocket, context)
    except WebSocketDisconnect as ended:
        SEEN.append([ended.code, ended.reason])


async def answer(websocket, context):
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"], message.get("reason"))
    data = message.get("bytes")
    if data is not None:
        await websocket.send_bytes(data)
        return
    do, _, value = message["text"].partition(" ")
    if do == "about":
        about = {
            "pid": os.getpid(),
            "session": context.session_id,
            "headers": websocket.headers.items(),
            "offered": websocket.scope["subprotocols"],
        }
        await websocket.send_json(about)
    elif do == "send":
        await websocket.send_bytes(b"x" * int(value))
    elif do == "flood":
        for number in range(int(value)):
            await websocket.send_bytes(number.to_bytes(4, "big") + b"x" * 60_000)
    elif do == "close":
        code, _, reason = value.partition(" ")
        await websocket.close(int(code), reason)
        raise WebSocketDisconnect(int(code), "by myself")
    elif do == "exit":
        os._exit(3)
    elif do == "sleep":
        await asyncio.Event().wait()
    else:
        await websocket.send_text(message["text"])


if __name__ == "__main__":
    app.run()
