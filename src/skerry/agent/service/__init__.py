"""The agent as a web service: FastAPI around the same operations as the Runtime's entry point."""
