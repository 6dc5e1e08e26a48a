"""Appends turns to a conversation until it is killed; says the number of messages after each."""

import json
import sys

from skerry.store.open import open_store
from skerry.store.records import Draft


def main(url: str, owner: str, identifier: str) -> None:
    told = json.loads(sys.stdin.readline())
    store = open_store(url, clock=lambda: told["now"], lifetime=86400.0 * 30)
    conversation = store.read(owner, identifier)
    filling = "x" * (2_000_000 if told["large"] else 200)
    while True:
        count = conversation.count
        drafts = [
            Draft(role="user", content=[{"text": f"{count + 1}: {filling}"}]),
            Draft(role="assistant", content=[{"text": f"{count + 2}: {filling}"}]),
        ]
        conversation = store.write(conversation, messages=drafts, state={"count": count + 2})
        print(conversation.count, flush=True)


main(*sys.argv[1:])
