"""Small texts on disk, a tokenizer of words, and what tests ask of loaded text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.datasets.base import PARTS, Data, datasets
from harness.tasks.texts import TextInput

LINES = ("the cat sat on the mat", "a dog ran to the old tree", "rain fell on the town", "birds sang all day long")
WORDS = sorted({word for line in LINES for word in line.split()})


def passage(seed: int, lines: int = 3) -> str:
    """A text of its own for each seed: lines in turn, numbered."""
    return "\n".join(f"{LINES[(seed + line) % len(LINES)]} {seed}.{line}" for line in range(lines))


def write_texts(home: Path, documents: int = 4, lines: int = 3) -> Path:
    """PART.txt for every part, each of so many documents of their own, three line ends between two."""
    home.mkdir(parents=True, exist_ok=True)
    for number, part in enumerate(PARTS):
        texts = [passage(100 * number + index, lines + index) for index in range(documents)]
        (home / f"{part}.txt").write_text("\n\n\n".join(texts), encoding="utf-8")
    return home


def write_rows(home: Path, documents: int) -> Path:
    """A split `validation` of so many rows, as C4 has them, in a file that the datasets library reads."""
    home.mkdir(parents=True, exist_ok=True)
    rows = (json.dumps({"text": passage(number), "timestamp": "2019-04-25"}) for number in range(documents))
    (home / "c4-validation.jsonl").write_text("\n".join(rows), encoding="utf-8")
    return home


def write_tokenizer(home: Path) -> Path:
    """tokenizer.json: every word of LINES is a token, and so is `<s>`; any other word is `<unk>`."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: number for number, word in enumerate(["<unk>", "<s>", *WORDS])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    home.mkdir(parents=True, exist_ok=True)
    asked = json.loads(made.to_str())
    asked["truncation"] = {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}
    (home / "tokenizer.json").write_text(json.dumps(asked), encoding="utf-8")
    return home


def load_text(
    home: Path, paths: Mapping[str, Path] | None = None, fed: TextInput | None = None, **options: Any
) -> Data:
    """The data set `text` of a folder, for a network that takes anything."""
    dataset = datasets.create({"name": "text", "label": "mine", **options})
    return dataset.load({"mine": home, **(paths or {})}, fed or TextInput(100_000))
