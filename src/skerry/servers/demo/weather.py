"""Weather for a demonstration: the same for a city at any time, made from its name, without a network."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel

SOURCE = "sample data, not a measurement"
CONDITIONS = ("sun", "light cloud", "cloud", "light rain", "rain", "wind", "fog", "snow")


class Weather(BaseModel):
    """The answer of `get_weather`. Temperatures are in degrees Celsius, humidity in percent."""

    city: str
    temperature: int
    humidity: int
    conditions: str
    source: str = SOURCE


def weather(city: str) -> Weather:
    """The sample weather of a city; letters' case and outer blanks do not matter."""
    name = " ".join(city.split())
    first, second, third = hashlib.sha256(name.casefold().encode()).digest()[:3]
    temperature = first % 36 - 5
    mild = CONDITIONS[:-1] if temperature > 3 else CONDITIONS
    return Weather(
        city=name,
        temperature=temperature,
        humidity=30 + second % 66,
        conditions=mild[third % len(mild)],
    )
