"""A program that never listens; it opens the named pipe $GATE, if there is one, when it has said so."""

import os
import threading

print("waiting for something that does not come", flush=True)
if "GATE" in os.environ:
    open(os.environ["GATE"], "w").close()
threading.Event().wait()
