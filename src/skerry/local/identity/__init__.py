"""AgentCore Identity's data plane: workload access tokens, and the vault of what they open."""
