"""The control plane: agent runtimes, gateways, targets, credential providers and tags."""
