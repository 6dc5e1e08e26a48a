"""Hostile input on every side: properties of the parsers and state machines, and of the real processes.

A normal test run takes some tens of examples of each; `make fuzz` takes as many as fit in FUZZ_MINUTES.
"""
