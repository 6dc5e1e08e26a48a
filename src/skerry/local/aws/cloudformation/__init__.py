"""AgentCore's resources in CloudFormation's stacks, in moto's process: they are made by the control plane."""
