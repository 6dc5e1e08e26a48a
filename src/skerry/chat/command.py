"""`skerry chat`: options, and the choice of a face.

The rich face needs the extra `client` and a terminal on both sides; everything else gets the plain one.
"""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from collections.abc import Callable
from pathlib import Path

from skerry.auth.ports import Surroundings
from skerry.chat.commands import conversations, table
from skerry.chat.doors.open import Door, open_backend
from skerry.chat.face import Face
from skerry.chat.json_face import JsonFace
from skerry.chat.main import ANSWERED, Chat, Quit
from skerry.chat.plain_face import PlainFace
from skerry.chat.target import Wanted
from skerry.errors import ConfigurationError
from skerry.settings import ChatSettings, SignInSettings, add_sign_in, add_state_directory
from skerry.wire import session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    settings = ChatSettings.from_env(os.environ)
    parser.add_argument("--once", metavar="TEXT", help="ask one question, or do one /command, and end")
    parser.add_argument("--json", action="store_true", help="print the events, one JSON object a line")
    parser.add_argument("--plain", action="store_true", help="no colours, panels or line editing")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--session", default="", metavar="ID", help="the session to talk in (33 to 256 characters)"
    )
    which.add_argument(
        "--resume", default="", metavar="ID", help="go on with a conversation of yours, told again"
    )
    which.add_argument(
        "--continue", dest="newest", action="store_true", help="go on with the newest conversation"
    )
    parser.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write the conversation to FILE.json or FILE.md at the end",
    )
    _add_places(parser)
    _add_sign_in(parser)
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--yes", action="store_true", help="confirm every tool call that asks")
    answer.add_argument("--no", action="store_true", help="refuse every tool call that asks")
    add_state_directory(parser, settings.state)


def run(options: argparse.Namespace) -> int:
    """Chats. Returns 0 answered, 1 failed, 3 a confirmation was needed and nobody could be asked.

    Raises SkerryError: a wrong option, no stack, no credentials, an agent that refuses.
    """
    settings = ChatSettings.from_env(os.environ)
    _check(options)
    face = _face(options, settings)
    opens = _opener(face)
    wanted = _wanted(options, settings)
    chat = Chat(
        opens(wanted),
        face,
        options.session,
        decided=True if options.yes else False if options.no else None,
        wanted=wanted,
        opens=opens,
    )
    try:
        try:
            code = _once(chat, options) if options.once is not None else _loop(chat, options)
        except Quit:
            code = ANSWERED
        if options.export is not None:
            conversations.written(chat, options.export)
        return code
    finally:
        chat.close()


def _add_places(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--agent", default="", metavar="NAME|ARN", help="the runtime (default: the stack's first)"
    )
    where.add_argument("--url", default="", help="the agent's web service instead")
    parser.add_argument(
        "--region", default="", help="the region to sign for (default: the stack's or the ARN's)"
    )
    parser.add_argument(
        "--endpoint-url", default="", metavar="URL", help="another endpoint than the runtime's own"
    )


def _add_sign_in(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--auth",
        choices=("auto", "iam", "bearer", "browser"),
        default="auto",
        help="a signature, a token, or your own sign-in, which auto begins when asked (default: auto)",
    )
    parser.add_argument("--profile", default="", metavar="NAME", help="the AWS profile to sign with")
    parser.add_argument(
        "--user", default="", metavar="NAME", help="who you are, for an agent that is called with a signature"
    )
    add_sign_in(parser)


def _check(options: argparse.Namespace) -> None:
    if options.session and (problem := session.problem(options.session)):
        raise ConfigurationError(f"--session cannot be used: {problem}.", hint="/new makes a fitting one.")
    if options.once is not None and not options.once.strip():
        raise ConfigurationError("--once needs a question.")
    if options.export is not None and options.export.suffix.lower() not in (".json", ".md"):
        raise ConfigurationError("--export needs FILE.json or FILE.md.")


def _wanted(options: argparse.Namespace, settings: ChatSettings) -> Wanted:
    stack = (options.state / "stack.json").is_file()
    return Wanted(
        agent=options.agent,
        region=options.region,
        endpoint_url=options.endpoint_url or ("" if stack else settings.endpoint_url),
        auth="bearer" if options.auth == "browser" else options.auth,
        state=options.state,
        runtime_arn=settings.runtime_arn,
        token="" if options.auth == "browser" else settings.token,
        url=options.url or ("" if options.agent else settings.url),
        profile=options.profile,
        user=options.user or settings.user,
        login=settings.login,
        client=SignInSettings.of(options, os.environ, person=options.auth == "browser"),
        browser=options.auth == "browser",
        sts=settings.sts,
    )


def _opener(face: Face) -> Callable[[Wanted], Door]:
    """Opens an agent; what takes time is said at the face, and a person at a terminal may sign in."""
    person = sys.stdin.isatty() and sys.stderr.isatty()

    def show(url: str) -> None:
        face.note(f"If no browser opens, open this yourself:\n{url}")
        webbrowser.open(url)

    def agreed(question: str) -> bool | None:
        told, _, asked = question.rpartition("\n")
        face.note(told)
        return face.sure(asked)

    def opened(wanted: Wanted) -> Door:
        return open_backend(wanted, Surroundings(show if person else None, face.note, agree=agreed))

    return opened


def _once(chat: Chat, options: argparse.Namespace) -> int:
    """One question or command; a conversation that is resumed is not told again."""
    if options.newest or options.resume:
        kept = chat.talk.backend.conversation(conversations.chosen(chat, options.resume))
        chat.begin(kept.summary.id)
    text = options.once.strip()
    if not text.startswith("/"):
        return chat.once(text)
    if table.find(text.split()[0]) is None:
        raise ConfigurationError(f"there is no {text.split()[0]}.", hint="--once /help lists what there is.")
    return table.run(chat, text) or ANSWERED


def _loop(chat: Chat, options: argparse.Namespace) -> int:
    if options.newest or options.resume:
        table.run(chat, f"/resume {options.resume}")
    chat.face.note(f"{chat.talk.backend.name} · session {chat.talk.id} · /help")
    return chat.loop(table.run)


def _face(options: argparse.Namespace, settings: ChatSettings) -> Face:
    if options.json:
        return JsonFace()
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    plain = options.plain or settings.plain
    if terminal and not plain:
        try:
            from skerry.chat.rich_face import RichFace

            return RichFace.of_terminal(settings)
        except ImportError:
            pass
    return PlainFace(colour=settings.colour and sys.stderr.isatty() and not plain)
