"""bedrock-runtime on one machine: Converse and ConverseStream."""
