"""Which tools a question may reach: by its verb, and never for a secret.

Routing is no safety layer: what a tool may do is for the tool and its owner to enforce.
"""

from __future__ import annotations

import re

from skerry.local.models.request import ToolSpec
from skerry.local.models.router import words
from skerry.local.models.router.documents import Document, bare
from skerry.local.models.router.sentence import Form

_SECRET = re.compile(
    r"\b(?:secrets?|secret (?:access )?keys?|passwords?|passwd|passphrases?|credentials?|private keys?"
    r"|tokens?|api[ -]keys?|kubeconfigs?)\b",
    re.IGNORECASE,
)
_ABOUT_SECRETS = re.compile(
    r"\b(?:last|old|older|age|unused|rotat\w+|expir\w+|report|who|without|mfa)\b", re.IGNORECASE
)


def permitted(document: Document, form: Form) -> bool:
    """Whether the verb of a question lets it reach a tool.

    A request to change goes to a tool that changes in that way, any other to none of these.
    """
    families = writes(document.tool)
    if form.intent != "write":
        return not families
    if families and form.known:
        return bool(_families(form.verb, document) & families)
    if document.operation is not None or not form.known:
        return form.verb in document.plain
    if any(word in words.READ for word in words.split(bare(document.tool.name))):
        return form.verb in words.NEUTRAL | {"make", "create"} and bool(
            set(map(words.stem, form.head)) & document.own
        )
    said = words.stem(form.verb)
    return said in {
        words.stem(word) for word in [*document.plain, *words.words(document.tool.description)[:2]]
    }


def writes(tool: ToolSpec) -> frozenset[str]:
    """The families of change that a tool's name, else its description, speaks of; empty for readers."""
    for word in words.split(bare(tool.name)):
        if word in words.READ:
            return frozenset()
        if words.family(word):
            return frozenset({words.family(word)})
    for word in words.words(tool.description)[:2]:
        if word in words.READ or words.stem(word) in {words.stem(verb) for verb in words.READ}:
            return frozenset()
        if words.family(word):
            return frozenset({words.family(word)})
    return frozenset()


def asks_for_secret(text: str, document: Document | None) -> bool:
    """Whether a question wants the value of a secret, which no tool hands out.

    An operation whose whole name was said is about the secret's rules, as are questions for age and use.
    """
    if not _SECRET.search(text):
        return False
    said = {words.stem(word) for word in words.words(text)}
    if document is None or not _SECRET.search(" ".join(document.plain)):
        return True
    name = {words.stem(word) for word in document.plain if word not in words.READ}
    return not (name <= said or _ABOUT_SECRETS.search(text))


def _families(verb: str, document: Document) -> frozenset[str]:
    """The families of a verb; what runs is started by creating it."""
    family = words.family(verb)
    if family == "start" and document.own & words.PROCESSES:
        return frozenset({family, "create"})
    if verb == "make":
        return frozenset({"create", "change"})
    return frozenset({family})
