"""AgentCore's observability from hops: CloudWatch metrics, CloudWatch logs, spans of OpenTelemetry."""
