"""Names of units as places: blocks in order, and what of a block each is."""

from __future__ import annotations

from harness.tables.placing import natural, placing


def test_blocks_are_sorted_by_number_and_kinds_by_first_sight() -> None:
    found = placing([f"blocks.{i}.{part}" for i in (10, 2, 0) for part in ("mlp", "attn")])
    assert found.columns == ("blocks.0", "blocks.2", "blocks.10")
    assert found.kinds == ("attention", "mlp")
    assert found.at["blocks.10.mlp"] == ("mlp", 2)


def test_stages_follow_each_other() -> None:
    found = placing(["stages.1.blocks.0.attn", "stages.0.blocks.1.attn", "stages.0.blocks.0.attn"])
    assert [found.at[name][1] for name in sorted(found.at, key=natural)] == [0, 1, 2]


def test_a_name_that_ends_with_its_number_is_a_block() -> None:
    assert placing(["blocks.0", "blocks.1"]).kinds == ("block",)


def test_a_name_without_a_number_has_a_place_too() -> None:
    assert placing(["head"]).at == {"head": ("", 0)}
