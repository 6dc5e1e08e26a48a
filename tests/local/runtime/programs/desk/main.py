"""A real agent: Strands on BedrockAgentCoreApp, with a tool and a model that needs no network."""

from bedrock_agentcore import BedrockAgentCoreApp
from strands import Agent, tool
from strands.models import BedrockModel, Model

app = BedrockAgentCoreApp()


class Parrot(Model):
    """Says what it was told."""

    def update_config(self, **config):
        pass

    def get_config(self):
        return {}

    async def structured_output(self, output_model, prompt, system_prompt=None, **kwargs):
        raise NotImplementedError
        yield

    async def stream(self, messages, tool_specs=None, system_prompt=None, **kwargs):
        said = messages[-1]["content"][0]["text"]
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockDelta": {"delta": {"text": said}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}


@tool
def shout(text: str) -> str:
    """Says it louder."""
    return text.upper()


agent = Agent(model=Parrot(), tools=[shout], callback_handler=None)


@app.entrypoint
async def handle(payload):
    if payload.get("echo"):
        yield payload
        return
    async for event in agent.stream_async(payload["prompt"]):
        if "data" in event:
            yield event["data"]


if __name__ == "__main__":
    assert BedrockModel is not None
    app.run()
