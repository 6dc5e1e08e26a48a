"""A module of the program's own."""

import os

LOADED_BY = os.getpid()
