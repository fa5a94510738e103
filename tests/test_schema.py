"""Values on disk: one spelling, one digest, and findings in the words of the file."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

from harness.schema import OneOrMany, Plugin, Schema, Spelling, canonical, digest, problems_of, sha256


class Inner(Schema):
    depth: int = 1


class Outer(Schema):
    inner: Inner = Inner()
    many: Annotated[tuple[int, ...], OneOrMany] = Field((0,), min_length=1)
    some: Annotated[tuple[Inner, ...] | None, OneOrMany] = None
    for_: int = Field(0, alias="for")


class Twice(Plugin):
    """Says it twice.

    And more.
    """

    name = "twice"
    revision = 2
    times: int = 2


def found(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(raw)
    return [str(problem) for problem in problems_of(caught.value, Outer, also=["beside"])]


def test_the_order_of_keys_changes_no_digest() -> None:
    assert canonical({"b": 1, "a": [1, "é"]}) == '{"a":[1,"é"],"b":1}'
    assert sha256({"b": 1, "a": 2}) == hashlib.sha256(b'{"a":2,"b":1}').hexdigest()
    assert digest({"a": 2, "b": 1}, 7) == sha256({"b": 1, "a": 2})[:7]


def test_what_is_no_number_has_no_digest() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        digest(float("nan"))


def test_a_scalar_is_a_list_of_one() -> None:
    assert Outer(many=3).many == (3,)
    assert Outer(some={"depth": 2}).some == (Inner(depth=2),)
    branches = Outer.model_json_schema()["properties"]["many"]["anyOf"]
    assert [branch["type"] for branch in branches] == ["integer", "array"]


def test_an_unknown_field_is_told_with_the_fields_of_its_own_mapping() -> None:
    assert found({"inner": {"dept": 1}}) == ["inner.dept: no such field; did you mean 'depth'? known: depth"]
    assert found({"some": [{"x": 1}]}) == ["some.0.x: no such field; known: depth"]
    assert found({"innr": 1}) == ["innr: no such field; did you mean 'inner'? known: beside, for, inner, many, some"]


def test_a_broken_entry_is_told_once_and_where_it_is() -> None:
    assert found({"many": ["x"]}) == [
        "many.0: input should be a valid integer, unable to parse string as an integer; got 'x'"
    ]


def test_a_long_value_is_shown_in_short() -> None:
    (sentence,) = found({"many": "x" * 500})
    assert len(sentence) < 200


def test_a_plug_ins_identity_holds_what_is_not_at_its_default_and_its_revision() -> None:
    assert Twice().identity() == {"name": "twice", "revision": 2}
    assert Twice(times=3).identity() == {"name": "twice", "times": 3, "revision": 2}
    assert Twice.summary() == "Says it twice."


def test_shared_values_are_spelled_as_if_alone() -> None:
    shared = {"b": [1, 2.5, None], "a": "50 % \N{GREEK SMALL LETTER PI}"}
    spelling = Spelling()
    for number in range(3):
        whole = {"z": shared, "number": number, "flag": True, "name": "x%d"}
        assert spelling.canonical(whole) == canonical(whole)
        assert spelling.pattern(whole, ("number",)) % number == canonical(whole)
