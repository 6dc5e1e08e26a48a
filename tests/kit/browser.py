"""A browser as a program, for BROWSER: somebody who agrees to everything that a provider asks.

It follows the redirect of the page that it is given, as `tests.kit.authorization.Visitor` does.
"""

from __future__ import annotations

import sys

import httpx2

ENVIRONMENT = {"BROWSER": f"{sys.executable} {__file__} %s"}


def main() -> None:
    with httpx2.Client(trust_env=False, timeout=30) as browser:
        answer = browser.get(sys.argv[1])
        browser.get(answer.headers["location"])


if __name__ == "__main__":
    main()
