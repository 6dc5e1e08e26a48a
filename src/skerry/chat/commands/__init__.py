"""The commands of a chat: a table, and what its rows do."""
