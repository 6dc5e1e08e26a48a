"""A real AgentCore of one's own in a test: `skerry up` in a process, for as long as a block runs.

    from skerry.testing import running

    with running("skerry.toml") as stack:
        agents = stack.client("bedrock-agentcore")
        agents.invoke_agent_runtime(agentRuntimeArn=stack.runtimes["assistant"].arn, payload=b"{}")

With pytest there is nothing to import: `plugin` gives the fixtures `skerry_stack` and `skerry_environment`.
See docs/testing.md.
"""

from skerry.testing.stack import Gateway, Runtime, Stack
from skerry.testing.start import running
from skerry.wire.hop import Hop

__all__ = ["Gateway", "Hop", "Runtime", "Stack", "running"]
