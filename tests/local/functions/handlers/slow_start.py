"""A module that is never ready."""

import time

time.sleep(1000)
