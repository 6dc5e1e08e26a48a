"""`x_amz_bedrock_agentcore_search`: the tools of a gateway that fit a question."""
