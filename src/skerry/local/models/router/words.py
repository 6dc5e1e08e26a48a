"""Words as the router sees them: tokens, stems, stop words, and verbs that read or write.

Tables and pure functions; English only.
"""

from __future__ import annotations

from collections.abc import Iterator

from skerry.local.words import split as split  # noqa: PLC0414  (names of this module too)
from skerry.local.words import stem as stem  # noqa: PLC0414
from skerry.local.words import table as table  # noqa: PLC0414
from skerry.local.words import words as words  # noqa: PLC0414

STOP = table(
    """a about after again all also am an and any anything are as at be been before being between both but by
    can could did do does doing done for from had has have having he her here hers him his how i if in
    into is isn't it it's its itself just kind let's like look looking lot me mine more most much my
    myself need no not now of off on once one only or other our ours out over own please re right same
    she should so some something such than thank thanks that that's the their them then there there's
    these they thing things this those through to too tool tools under until up us use used useful using
    very want was we well were what what's when where which while who whom whose why will with within
    without would you your yours hi hey ok okay kindly try currently exactly ever many today yesterday
    tomorrow week month year day last next recent recently number numbers exist exists available detail
    details hour hours days weeks months years minutes first latest newest oldest still ago past since
    happen happened happens happening occur occurred going goes called named amazon aws big large often
    everything nothing everyone everybody stuff info information overview list"""
)

READ = table(
    """check count describe display enumerate fetch find get inspect lookup list read report retrieve search
    see show summarise summarize tell view print browse query know look examine audit analyze analyse monitor
    review investigate identify determine present dump grab pull compare output explore watch"""
)
WHICH = table("what what's whats which who who's whose whom where where's when why whos wheres")
QUESTION = WHICH | table("is are was were does do did has have had any isn't aren't doesn't don't")
BEFORE_NOUN = table("the a an my our your this that these those of in for by with from on per no any all")
NEUTRAL = table("draw make produce render generate prepare give say")

# Verbs that change something, in families: a request to delete is not served by a tool that creates.
FAMILIES: dict[str, frozenset[str]] = {
    "change": table(
        """change update modify set edit replace alter rename correct fix adjust switch move transfer
        convert configure reset patch swap relocate amend overwrite increase decrease raise lower extend
        migrate upgrade downgrade point map redirect resize scale rotate turn encrypt"""
    ),
    "create": table(
        """create add insert provision deploy register upload put post write store save invite make
        attach tag book order buy schedule submit copy clone duplicate restore import install open train
        build"""
    ),
    "delete": table(
        """delete remove drop destroy terminate erase purge wipe clear detach untag
        empty deregister uninstall close forget"""
    ),
    "start": table("start launch begin run trigger execute invoke queue resume plan kick retry rerun"),
    "stop": table("stop cancel abort interrupt halt kill pause suspend shut discard revoke reject"),
    "apply": table("apply approve"),
    "restart": table("reboot restart"),
    "lock": table("lock freeze disable deactivate"),
    "unlock": table("unlock unfreeze enable activate"),
    "send": table(
        """send publish notify pay refund grant assign share allow deny block forward mail subscribe
        authorize authorise verify"""
    ),
}
PROCESSES = table("run job execution task build deployment pipeline plan")
"""What is started by creating one."""
_FAMILY = {verb: family for family, verbs in FAMILIES.items() for verb in verbs}


_STEMS = {stem(verb): family for verb, family in reversed(_FAMILY.items())}


def content(text: str) -> Iterator[tuple[str, str]]:
    """Words that carry meaning for a choice of tool, with stems: no stop words, no verbs of reading."""
    for word in words(text):
        if word not in STOP and word not in READ and word not in NEUTRAL:
            yield word, stem(word.removesuffix("'s"))


def family(word: str) -> str:
    """The family of a verb that changes something, or nothing."""
    if word in _FAMILY:
        return _FAMILY[word]
    base = stem(word)
    return _STEMS.get(base, "") if base != word else ""


def is_verb(word: str) -> bool:
    """Whether a word, in its plain form, is a verb that changes something."""
    return word in _FAMILY


def known(word: str) -> bool:
    """Whether any table here has the word."""
    return word in STOP or word in READ or word in QUESTION or word in NEUTRAL
