"""`skerry chat`: options, and the choice of a face.

The rich face needs the extra `client` and a terminal on both sides; everything else gets the plain one.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from skerry.chat.doors.open import open_backend
from skerry.chat.face import Face, PlainFace
from skerry.chat.main import Chat, JsonFace
from skerry.chat.talk import Talk
from skerry.chat.target import Wanted
from skerry.errors import ConfigurationError
from skerry.settings import ChatSettings
from skerry.wire import session


def add_arguments(parser: argparse.ArgumentParser) -> None:
    settings = ChatSettings.from_env(os.environ)
    parser.add_argument("--once", metavar="TEXT", help="ask one question and end")
    parser.add_argument("--json", action="store_true", help="print the events, one JSON object a line")
    parser.add_argument("--plain", action="store_true", help="no colours, panels or line editing")
    parser.add_argument(
        "--session", default="", metavar="ID", help="go on with a session (33 to 256 characters)"
    )
    parser.add_argument(
        "--agent", default="", metavar="NAME|ARN", help="the runtime (default: the stack's first)"
    )
    parser.add_argument(
        "--region", default="", help="the region to sign for (default: the stack's or the ARN's)"
    )
    parser.add_argument(
        "--endpoint-url", default="", metavar="URL", help="another endpoint than the runtime's own"
    )
    parser.add_argument("--auth", choices=("auto", "iam", "bearer"), default="auto", help="default: auto")
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument("--yes", action="store_true", help="confirm every tool call that asks")
    answer.add_argument("--no", action="store_true", help="refuse every tool call that asks")
    parser.add_argument(
        "--state",
        type=Path,
        default=settings.state,
        metavar="DIR",
        help="the stack's state directory (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> int:
    """Chats. Returns 0 answered, 1 failed, 3 a confirmation was needed and nobody could be asked.

    Raises SkerryError: a wrong option, no stack, no credentials, a runtime that refuses.
    """
    settings = ChatSettings.from_env(os.environ)
    if options.session and (problem := session.problem(options.session)):
        raise ConfigurationError(f"--session cannot be used: {problem}.", hint="/new makes a fitting one.")
    if options.once is not None and not options.once.strip():
        raise ConfigurationError("--once needs a question.")
    backend = open_backend(
        Wanted(
            agent=options.agent,
            region=options.region,
            endpoint_url=options.endpoint_url or ("" if _stack(options.state) else settings.endpoint_url),
            auth=options.auth,
            state=options.state,
            runtime_arn=settings.runtime_arn,
            token=settings.token,
        )
    )
    talk = Talk(backend, options.session)
    face = _face(options, settings)
    chat = Chat(
        talk,
        face,
        renew=lambda: Talk(backend),
        decided=True if options.yes else False if options.no else None,
    )
    try:
        if options.once is not None:
            return chat.once(options.once)
        face.note(f"{backend.name} · session {talk.id} · /help")
        return chat.loop()
    finally:
        backend.close()


def _stack(state: Path) -> bool:
    return (state / "stack.json").is_file()


def _face(options: argparse.Namespace, settings: ChatSettings) -> Face:
    if options.json:
        return JsonFace()
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    if terminal and not options.plain:
        try:
            from skerry.chat.rich_face import RichFace
        except ImportError:
            pass
        else:
            return RichFace.of_terminal(settings)
    return PlainFace(colour=settings.colour and sys.stderr.isatty() and not options.plain)
