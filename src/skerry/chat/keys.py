"""The keyboard of the rich face: history, completion, several lines. Needs prompt_toolkit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output

from skerry.chat.completion import candidates
from skerry.chat.known import Known


class Keys:
    """Reads questions and answers. Lines raise EOFError at the end of input and KeyboardInterrupt.

    Enter sends, Alt-Enter begins a new line, a paste stays as it is; Tab completes commands.
    """

    def __init__(
        self, *, history: Path | None = None, source: Input | None = None, output: Output | None = None
    ) -> None:
        self.known: Known | None = None
        self._questions: PromptSession[str] = PromptSession(
            history=_history(history),
            completer=_Commands(lambda: self.known),
            complete_while_typing=False,
            complete_in_thread=True,
            # One line high until there are more: a prompt of several lines takes the rest of the screen.
            multiline=Condition(lambda: "\n" in self._questions.default_buffer.text),
            key_bindings=_bindings(),
            prompt_continuation="· ",
            input=source,
            output=output,
        )
        # An answer is not part of the history, and a newline ends it.
        self._answers: PromptSession[str] = PromptSession(input=source, output=output)

    def question(self, text: str) -> str:
        """A question, of one line or several."""
        return self._questions.prompt(text)

    def answer(self, text: str, default: str = "") -> str:
        """One line, which may begin with a text."""
        return self._answers.prompt(text, default=default)


class _Commands(Completer):
    """`completion.candidates` as prompt_toolkit wants them."""

    def __init__(self, known: Callable[[], Known | None]) -> None:
        self._known = known

    def get_completions(
        self,
        document: Document,
        complete_event: CompleteEvent,  # noqa: ARG002  (the base class's signature)
    ) -> Iterable[Completion]:
        known = self._known()
        if known is None:
            return
        for found in candidates(document.text_before_cursor, known):
            yield Completion(found.text, start_position=-found.replaces, display_meta=found.about)


def _history(path: Path | None) -> History:
    if path is None:
        return InMemoryHistory()
    try:
        path.touch(mode=0o600)
    except OSError:  # a home that cannot be written to
        return InMemoryHistory()
    return FileHistory(str(path))


def _bindings() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter")
    def send(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        state = buffer.complete_state
        if state is not None and state.current_completion is not None:
            buffer.complete_state = None  # Enter takes what is chosen; the next one sends
        else:
            buffer.validate_and_handle()

    @keys.add("escape", "enter")
    def more(event: Any) -> None:
        event.current_buffer.insert_text("\n")

    return keys
