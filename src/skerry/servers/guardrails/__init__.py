"""The guardrails MCP server: `validate_content` on ApplyGuardrail of Amazon Bedrock."""
