"""Study files as nobody should write them: seeded changes of structure, types, sizes, characters and YAML itself."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from benchmarks.mutation_words import KEYS, NUMBERS, ODD, SETTINGS, TOKENS, WORDS

Change = Callable[[random.Random, Any], Any]
TextChange = Callable[[random.Random, str], str]


def mutant(seed: int, number: int, sources: Sequence[str]) -> bytes:
    """The file of this number: always the same for the same seed and sources (study files as text)."""
    chance = random.Random(f"{seed}-{number}")
    if chance.random() < 0.04:
        return chance.choice(WHOLE)(chance)
    text = chance.choice(sources)
    if chance.random() < 0.75:
        tree = YAML(typ="safe", pure=True).load(text)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 5))):
            tree = chance.choice(TREE)(chance, tree)
        text = _dumped(tree)
    if chance.random() < 0.45:
        for _ in range(chance.choice((1, 1, 2, 4))):
            text = chance.choice(TEXT)(chance, text)
    data = text.encode("utf-8", "surrogatepass")
    return chance.choice(BYTES)(chance, data) if chance.random() < 0.15 else data


def _dumped(tree: Any) -> str:
    """YAML where it can be written; else as Python would show it, which is a kind of YAML too."""
    out = StringIO()
    try:
        YAML(typ="safe", pure=True).dump(tree, out)
    except Exception:  # noqa: BLE001  # a tree that is no YAML at all: any text will do
        return repr(tree)
    return out.getvalue()


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every holder and key of a tree, from the top, each list or mapping once."""
    found: list[tuple[Any, Any]] = []
    stack, seen = [tree], set()
    while stack and len(found) < 5_000:
        holder = stack.pop()
        if id(holder) in seen or not isinstance(holder, dict | list):
            continue
        seen.add(id(holder))
        keys = list(holder) if isinstance(holder, dict) else [*range(len(holder))]
        found += [(holder, key) for key in keys]
        stack += [holder[key] for key in keys]
    return found


def _value(chance: random.Random) -> Any:
    kind = chance.randrange(8)
    if kind < 3:
        return chance.choice(NUMBERS)
    if kind < 5:
        return chance.choice(WORDS)
    return copy.deepcopy(chance.choice(ODD))


def _at(chance: random.Random, tree: Any, change: Callable[[Any, Any], None]) -> Any:
    places = _places(tree)
    if places:
        change(*chance.choice(places))
    return tree


def _replaced(chance: random.Random, tree: Any) -> Any:
    def put(holder: Any, key: Any) -> None:
        holder[key] = _value(chance)

    return _at(chance, tree, put)


def _scaled(chance: random.Random, tree: Any) -> Any:
    """A number becomes another one: where the shape still fits, only the size can be wrong."""
    numbers = [(h, k) for h, k in _places(tree) if isinstance(h[k], int | float) and not isinstance(h[k], bool)]
    if numbers:
        holder, key = chance.choice(numbers)
        holder[key] = chance.choice((*NUMBERS, holder[key] * 10, -holder[key], holder[key] + 1, str(holder[key])))
    return tree


def _removed(chance: random.Random, tree: Any) -> Any:
    def drop(holder: Any, key: Any) -> None:
        del holder[key]

    return _at(chance, tree, drop)


def _renamed(chance: random.Random, tree: Any) -> Any:
    def rename(holder: Any, key: Any) -> None:
        if isinstance(holder, dict):
            new = chance.choice((*KEYS, *WORDS[:20], f"{key}s", str(key)[:-1], str(key).upper(), 1, None, True, 0.5))
            holder[new] = holder.pop(key)

    return _at(chance, tree, rename)


def _added(chance: random.Random, tree: Any) -> Any:
    def add(holder: Any, key: Any) -> None:
        if isinstance(holder, dict):
            holder[chance.choice(KEYS)] = _value(chance)
        else:
            holder.insert(key, _value(chance))

    return _at(chance, tree, add)


def _repeated(chance: random.Random, tree: Any) -> Any:
    def repeat(holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder += [copy.deepcopy(holder[key]) for _ in range(chance.choice((1, 2, 40)))]
        else:
            holder[key] = [holder[key]] * chance.choice((1, 2, 300))  # one object: aliases in the file

    return _at(chance, tree, repeat)


def _wrapped(chance: random.Random, tree: Any) -> Any:
    def wrap(holder: Any, key: Any) -> None:
        for _ in range(chance.choice((1, 1, 2, 60))):
            holder[key] = chance.choice(([holder[key]], {chance.choice(KEYS): holder[key]}))

    return _at(chance, tree, wrap)


def _exchanged(chance: random.Random, tree: Any) -> Any:
    places = _places(tree)
    if len(places) > 1:
        (one, here), (other, there) = chance.sample(places, 2)
        first, second = copy.deepcopy(one[here]), copy.deepcopy(other[there])
        one[here], other[there] = second, first
    return tree


def _set(chance: random.Random, tree: Any) -> Any:
    return {**tree, **copy.deepcopy(chance.choice(SETTINGS))} if isinstance(tree, dict) else tree


def _looped(chance: random.Random, tree: Any) -> Any:
    def loop(holder: Any, key: Any) -> None:
        holder[key] = chance.choice((holder, tree))

    return _at(chance, tree, loop)


TREE: tuple[Change, ...] = (
    _replaced, _replaced, _replaced, _scaled, _scaled, _scaled, _removed, _renamed, _added, _added,
    _repeated, _wrapped, _exchanged, _set, _set, _looped,
)  # fmt: skip


def _token(chance: random.Random, text: str) -> str:
    """A token in place of the value of a line, or at any place."""
    token = chance.choice(TOKENS)
    lines = text.split("\n")
    number = chance.randrange(len(lines))
    if ":" in lines[number] and chance.random() < 0.7:
        lines[number] = f"{lines[number].partition(':')[0]}: {token}"
        return "\n".join(lines)
    return _put(chance, text, token)


def _put(chance: random.Random, text: str, piece: str) -> str:
    place = chance.randrange(len(text) + 1)
    return text[:place] + piece + text[place:]


def _word(chance: random.Random, text: str) -> str:
    return _put(chance, text, chance.choice(WORDS))


def _line_twice(chance: random.Random, text: str) -> str:
    lines = text.split("\n")
    number = chance.randrange(len(lines))
    return "\n".join([*lines[:number], lines[number], *lines[number:]])


def _lines_mixed(chance: random.Random, text: str) -> str:
    lines = text.split("\n")
    here, there = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[here], lines[there] = lines[there], lines[here]
    return "\n".join(lines)


def _indented(chance: random.Random, text: str) -> str:
    lines = text.split("\n")
    number = chance.randrange(len(lines))
    lines[number] = chance.choice(("\t", " ", "   ", "\xa0", "\u3000")) + lines[number]
    return "\n".join(lines)


def _cut(chance: random.Random, text: str) -> str:
    return text[: chance.randrange(len(text) + 1)]


def _with_line_ends(chance: random.Random, text: str) -> str:
    return text.replace("\n", chance.choice(("\r\n", "\r", "\x85", "\u2028")))


def _anchored(chance: random.Random, text: str) -> str:
    return text.replace(": ", ": &a ", chance.choice((1, 3, 99))) + chance.choice(
        ("zip: *a\n", "paths: {<<: *a}\n", "<<: *a\n")
    )


TEXT: tuple[TextChange, ...] = (
    _token, _token, _token, _word, _word, _line_twice, _lines_mixed, _indented, _cut, _with_line_ends, _anchored,
)  # fmt: skip


def _flipped(chance: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 5))):
        if found:
            found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def _marked(chance: random.Random, data: bytes) -> bytes:
    return chance.choice((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0")) + data


def _recoded(chance: random.Random, data: bytes) -> bytes:
    return data.decode("utf-8", "replace").encode(chance.choice(("utf-16", "utf-32", "latin-1", "cp037")), "replace")


BYTES: tuple[Callable[[random.Random, bytes], bytes], ...] = (_flipped, _flipped, _marked, _recoded)

WHOLE: tuple[Callable[[random.Random], bytes], ...] = (
    lambda _: b"",
    lambda chance: chance.randbytes(chance.choice((1, 40, 4_000, 200_000))),
    lambda chance: b"\n" * chance.choice((1, 50_000)),
    lambda chance: chance.choice((b"[", b"{a: ", b"- ", b"? ", b"a:\n ")) * chance.choice((51, 900, 20_000)),
    lambda _: ("[" * 40 + "]" * 40).encode(),
    lambda chance: b"study: " + b"a" * chance.choice((2_000, 900_000, 2_000_000)),
    lambda chance: "".join(f"k{n}: {n}\n" for n in range(chance.choice((3, 20_000)))).encode(),
    lambda chance: ("counts: [" + "1, " * chance.choice((30_000, 200_000)) + "1]").encode(),
    lambda chance: _bomb(chance.choice((3, 9, 30))),
    lambda chance: b"a: &a {b: *a}\n" + b"study: *a\n" * chance.choice((1, 2)),
    lambda chance: chance.choice(TOKENS).encode(),
    lambda _: b"---\nstudy: a\n---\nstudy: b\n",
)  # fmt: skip


def _bomb(height: int) -> bytes:
    """Lists of lists by aliases: a few lines for nine to the power of their number of values."""
    lines = ["l0: &l0 [a, a, a, a, a, a, a, a, a]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, height)]
    return "\n".join(lines).encode()
