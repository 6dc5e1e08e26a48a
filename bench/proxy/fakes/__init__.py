"""The far sides: HTTP servers behind a proxy, and the stdio child behind a bridge."""
