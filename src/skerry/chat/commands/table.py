"""The table of commands: name, usage, help, what it does, what completes it. The loop knows no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from skerry.chat.commands import asking, conversations, identity, places, showing
from skerry.chat.known import Known
from skerry.chat.main import Chat

Completions = Iterable[tuple[str, str]]
"""Words that may stand last, and what they are."""


def nothing(_known: Known, _words: Sequence[str]) -> Completions:
    """For commands whose argument nobody can guess."""
    return ()


def words(*choices: str) -> Callable[[Known, Sequence[str]], Completions]:
    """Completes the first word from a few."""
    return lambda _known, given: [(choice, "") for choice in choices] if len(given) == 1 else []


@dataclass(frozen=True, slots=True)
class Command:
    """A row. `run` gets the chat and what follows the name; `complete` the words after the name."""

    name: str
    arguments: str
    about: str
    run: Callable[[Chat, str], int | None]
    complete: Callable[[Known, Sequence[str]], Completions] = nothing
    aliases: tuple[str, ...] = ()


def find(name: str) -> Command | None:
    """A command by its name or an alias."""
    return next((command for command in TABLE if name == command.name or name in command.aliases), None)


def names() -> Iterator[tuple[str, str]]:
    """All names and aliases with what they do."""
    for command in TABLE:
        yield command.name, command.about
        for alias in command.aliases:
            yield alias, f"as {command.name}"


def run(chat: Chat, line: str) -> int | None:
    """Does what a line that begins with a slash says. Raises SkerryError.

    Returns an exit code when the command was a question to the agent.
    """
    name, _, rest = line.partition(" ")
    command = find(name)
    if command is None:
        chat.face.note(f"There is no {name}. /help lists what there is.")
        return None
    return command.run(chat, rest.strip())


def show(chat: Chat, text: str) -> None:
    """The list, or one row."""
    if not text:
        chat.face.listing(
            ("command", "does"),
            [(f"{command.name} {command.arguments}".rstrip(), command.about) for command in TABLE],
        )
        return
    command = find(text if text.startswith("/") else f"/{text}")
    if command is None:
        chat.face.note(f"There is no {text}. /help lists what there is.")
        return
    also = f"; also {', '.join(command.aliases)}" if command.aliases else ""
    chat.face.note(f"{command.name} {command.arguments}\n{command.about}{also}")


TABLE: tuple[Command, ...] = (
    Command("/help", "[COMMAND]", "this list, or more about a command", show),
    Command("/new", "", "begin a new conversation", conversations.new),
    Command(
        "/conversations",
        "[more]",
        "your conversations, newest first",
        conversations.conversations,
        words("more"),
    ),
    Command(
        "/resume",
        "[ID|NUMBER]",
        "go on with a conversation; the newest without an id",
        conversations.resume,
        conversations.identifiers,
    ),
    Command(
        "/delete",
        "ID|NUMBER",
        "delete a conversation for good, after a question",
        conversations.delete,
        conversations.identifiers,
    ),
    Command("/export", "FILE.json|FILE.md", "write this conversation to a file", conversations.export),
    Command(
        "/tools",
        "[NAME|show|hide]",
        "the agent's tools, one of them, or their panels shown or hidden",
        asking.tools,
        asking.tool_names_and_switches,
    ),
    Command(
        "/call",
        "TOOL [{json}|name=value …]",
        "call a tool through the agent, which asks as for any call",
        asking.call,
        asking.tools_and_arguments,
    ),
    Command(
        "/hil",
        "[on|off|show]",
        "confirmations: asked, or always declined",
        asking.hil,
        words("on", "off", "show"),
    ),
    Command(
        "/raw",
        "[on|off|NUMBER|events]",
        "results whole, one of the last answer's, or every event",
        showing.raw,
        words("on", "off", "events"),
    ),
    Command(
        "/thinking", "[on|off]", "the model's thinking, shown or hidden", showing.thinking, words("on", "off")
    ),
    Command(
        "/context",
        "[set NAME VALUE|unset NAME]",
        "what is sent along: region, agent, preferences",
        showing.context,
        words("set", "unset"),
    ),
    Command(
        "/auth", "[in|out]", "how you are signed in; sign in again, or out", identity.auth, words("in", "out")
    ),
    Command("/whoami", "", "who the agent sees", identity.whoami),
    Command("/session", "", "this conversation's id and agent", identity.session),
    Command(
        "/agent",
        "[NAME|ARN|NUMBER|URL]",
        "the agents there are, or talk to another one",
        places.agent,
        places.agent_names,
    ),
    Command("/region", "[NAME]", "the region that tools look in, or another one", places.region),
    Command("/quit", "", "end", lambda chat, _text: chat.quit(), aliases=("/exit",)),
)
