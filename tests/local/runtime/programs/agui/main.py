"""An AG-UI agent of AWS's SDK: the same events over SSE and over a WebSocket."""

from ag_ui.core import (
    EventType,
    RunAgentInput,
    RunFinishedEvent,
    RunStartedEvent,
    TextMessageContentEvent,
)
from bedrock_agentcore.runtime import AGUIApp

app = AGUIApp()


@app.entrypoint
async def invoke(asked: RunAgentInput, context):
    ids = {"thread_id": asked.thread_id, "run_id": asked.run_id}
    yield RunStartedEvent(type=EventType.RUN_STARTED, **ids)
    yield TextMessageContentEvent(
        type=EventType.TEXT_MESSAGE_CONTENT, message_id="m", delta=context.session_id
    )
    yield RunFinishedEvent(type=EventType.RUN_FINISHED, **ids)


if __name__ == "__main__":
    app.run()
