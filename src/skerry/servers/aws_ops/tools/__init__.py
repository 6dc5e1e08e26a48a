"""One file, one tool: its name is free, its `TOOL` is a `ServiceTool` or a `PlainTool`."""
