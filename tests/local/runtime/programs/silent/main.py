"""A program that never listens."""

import threading

print("waiting for something that does not come", flush=True)
threading.Event().wait()
