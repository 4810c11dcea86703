"""The items that the emulator is filled with, and the migrations that are deployed for them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from tables import Item, from_plain

TABLE = "movies"

STEPS = """\
  - rename: { path: info.running_time_secs, to: info.runtime_seconds }
  - convert: { path: info.release_date, to: epoch_seconds }
  - default: { path: info.rating, value: 0 }
  - set: { path: label, value: "${year}#${title}" }
  - set: { path: tags, value: !SS [film, imported] }
  - default: { path: migrated_at, value: "${now}" }
  - default: { path: migrated_on, value: !N "${now}" }
  - remove: { path: info.image_url }
"""

WHERE = "{ all: [ { path: info, type: M }, { not: { path: title, begins_with: \"#\" } } ] }"

NUMBERED = "{ any: [ { path: title, begins_with: \"1\" }, { path: title, begins_with: \"3\" } ] }"
"""Chooses the films of which some have a title that is no number."""

NUMBER_STEPS = """\
  - copy: { path: title, to: number }
  - convert: { path: number, to: N }
"""

MENDED_STEPS = """\
  - copy: { path: title, to: number }
  - set: { path: mended, value: true }
"""
"""What no film refuses."""


def migration(name: str, steps: str = STEPS, where: str = WHERE, tolerated: float = 0, table: str = TABLE) -> str:
    """A migration as YAML."""
    return f"""\
migration: {name}

source:
  table: {table}
  key: {{ partition: {{ name: year, type: N }}, sort: {{ name: title, type: S }} }}

where: {where}

transform:
{steps}
segments: 20
prewarm: {{ read_units: 12000, write_units: 4000 }}
tolerated_failures: {{ percentage: {tolerated} }}
"""


def source(movies: Path | None) -> list[Item]:
    """Films: those of the file, or made-up ones; and some with what films don't have."""
    films = from_plain(movies) if movies else [made_up(number) for number in range(2_000)]
    return films + EVERY_TYPE + NUMBERS


def made_up(number: int) -> Item:
    info: dict[str, Any] = {
        "rank": {"N": str(number)},
        "running_time_secs": {"N": str(5_400 + number % 3_600)},
        "release_date": {"S": f"{1950 + number % 70}-0{1 + number % 9}-1{number % 10}T00:00:00Z"},
        "image_url": {"S": f"https://images.example.com/{number}.jpg"},
        "actors": {"L": [{"S": f"Actor {number % 97}"}, {"S": f"Actor {number % 89}"}]},
    }
    if number % 3:
        info["rating"] = {"N": f"{number % 10}.{number % 7}"}
    return {"year": {"N": str(1950 + number % 70)}, "title": {"S": f"Film {number}"}, "info": {"M": info}}


EVERY_TYPE: list[Item] = [
    {
        "year": {"N": str(year)},
        "title": {"S": "Every type"},
        "info": {"M": {"rating": {"N": "1E-130"}, "nothing": {"M": {}}, "never": {"NULL": True}}},
        "digits": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": "-0.00000000000000000000000000000000000001"},
        "numbers": {"NS": ["1", "2.5", "99999999999999999999999999999999999999"]},
        "strings": {"SS": ["", "ä", "z"]},
        "bytes": {"B": b"\x00\xff\x10"},
        "binaries": {"BS": [b"\x00", b"\xff\xfe"]},
        "list": {"L": [{"L": []}, {"BOOL": False}, {"S": ""}, {"B": b""}]},
        "yes": {"BOOL": True},
    }
    for year in (2525, 2526, -1)
]
"""All ten types, some of them empty or as long as they can be."""

NUMBERS: list[Item] = [
    {"year": {"N": "2099"}, "title": {"S": title}, "info": {"M": {}}}
    for title in ("1", "10 Coins", "11.50", "3 Wishes", "30", "3000 Nights")
]


def write_lines(items: list[Item], file: Path) -> None:
    """DynamoDB JSON lines, as an export to S3 has them."""
    with file.open("w", encoding="utf-8") as lines:
        for item in items:
            lines.write(json.dumps({"Item": item}, default=lambda data: base64.b64encode(data).decode()) + "\n")


def not_a_number(item: Item) -> bool:
    """Whether `NUMBER_STEPS` can't migrate the item, which `NUMBERED` chooses."""
    title = item["title"]["S"]
    try:
        float(title)
    except ValueError:
        return title.startswith(("1", "3"))
    return False
