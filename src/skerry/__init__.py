"""Amazon Bedrock AgentCore on your own machine, and the road to the real one."""

__version__ = "0.1.0"
