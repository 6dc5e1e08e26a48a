"""HTTP targets: a request passed on to one Runtime or one HTTP endpoint, not aggregated and not translated.

Source: AWS developer guide, AgentCore Runtime targets and HTTP passthrough targets.
"""
