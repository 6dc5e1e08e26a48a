"""Ways to an agent: each implements `backend.Backend`."""
