"""The arguments and answers that both demo servers share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

City = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(description="A city, such as Reykjavik."),
]
Topic = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="What the story is about."),
]
Character = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Field(description="The character's name."),
]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]

STORY_TOKENS = 300
"""What the model of the client may spend on a story."""


class Story(BaseModel):
    """A story that the client's side wrote; `model` says which model did, where that is known."""

    topic: str
    story: str
    words: int
    model: str | None = None


class Traits(BaseModel):
    """What is asked about a character."""

    traits: Line = Field(title="Traits", description="What the character is like, in one line.")
    motivation: Line = Field(title="Motivation", description="What the character wants, in one line.")


class Profile(BaseModel):
    """A character; without traits where nobody gave them, and then `status` says why."""

    character: str
    status: str = "complete"
    traits: str | None = None
    motivation: str | None = None


def story_prompt(topic: str) -> str:
    """What the model of the client is asked."""
    return f"Write a short story of at most 150 words about {topic}."


def profile_prompt(character: str) -> str:
    """What the person is asked."""
    return f"Describe {character}: what are they like, and what do they want?"


def story(topic: str, text: str, model: str | None = None) -> Story:
    """A finished story."""
    return Story(topic=topic, story=text, words=len(text.split()), model=model)
