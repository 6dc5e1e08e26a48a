"""`python -m skerry`: the same as the command `skerry`."""

import sys

from skerry.cli import main

sys.exit(main())
