"""An agent that says what it heard, counts in its session, and keeps notes that outlive it."""

import os
import time

from bedrock_agentcore import BedrockAgentCoreApp

from skerry.store.open import open_store
from skerry.store.records import Draft

app = BedrockAgentCoreApp()
heard = []


@app.entrypoint
def handle(payload, context):
    text = payload["text"]
    if payload.get("note"):
        keep(text)
    heard.append(text)
    return {"text": text, "session": context.session_id, "own": payload["session"], "heard": len(heard)}


def keep(text):
    """Returns when the note is safe."""
    store = open_store(os.environ["NOTES"], clock=time.time, lifetime=86400.0)
    try:
        conversation = store.create("soak", text)
        store.write(conversation, messages=[Draft(role="user", content=[{"text": text}])])
    finally:
        store.close()


if __name__ == "__main__":
    app.run()
