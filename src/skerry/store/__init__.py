"""Conversations that outlive the process: one interface over SQLite and DynamoDB."""
