"""Who asks, and what they may: keys, principals, sessions, policies."""
