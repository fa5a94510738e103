"""Decoders without parts of them: the masked network to the bit, and a generator whose cache holds what is left."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch
from decoders import BLOCKS, DECODERS, VOCABULARY, decoder, logits, token_ids
from torch import Tensor, nn

from harness.counting import count_macs
from harness.errors import SpecError, UnknownNameError
from harness.families.base import Sublayer, Unit, class_name, units
from harness.families.catalogue import families, family_of
from harness.inventory import Inventory, inventory_of
from harness.models import create
from harness.proof import prove
from harness.streams import tapped
from harness.surgery import masked, remove, removed

every_decoder = pytest.mark.parametrize("name", DECODERS)
NEW = 4  # tokens that are generated


@cache
def net_of(name: str) -> nn.Module:
    return decoder(name)


@cache
def counted(name: str) -> Inventory:
    return inventory_of(decoder(name, "meta"), name, token_ids(1).to("meta"))


@cache
def sublayers_of(name: str) -> tuple[Sublayer, ...]:
    return family_of(net_of(name)).sublayers(net_of(name))


def sets_of(name: str) -> Iterator[tuple[Sublayer, ...]]:
    """The first, those in the middle, and all, of attention, MLPs and blocks."""
    for target in ("attention", "mlp", "block"):
        found = units(sublayers_of(name), target)
        for chosen in (found[:1], found[1:3], found):
            yield tuple(sublayer for unit in chosen for sublayer in unit.sublayers)


def generated(net: nn.Module, ids: Tensor, mask: Tensor | None = None, *, cached: bool = True) -> Any:
    """Greedy continuation of all items, with the cache that was used."""
    kept: Any = net
    with torch.no_grad():
        return kept.generate(
            ids,
            attention_mask=torch.ones_like(ids) if mask is None else mask,
            max_new_tokens=NEW,
            min_new_tokens=NEW,
            do_sample=False,
            use_cache=cached,
            return_dict_in_generate=True,
            pad_token_id=0,
        )


def cached_bytes(given: Any) -> list[int]:
    """Bytes of keys and values by layer."""
    held = [(layer.keys, layer.values) for layer in given.cache.layers]
    return [sum(0 if tensor is None else tensor.nbytes for tensor in pair) for pair in held]


def streams_of(net: nn.Module, path: str) -> tuple[list[Tensor], Any]:
    """Inputs of a module, gathered as the network runs, and the hook."""
    seen: list[Tensor] = []
    return seen, net.get_submodule(path).register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))


@every_decoder
def test_attention_and_mlp_of_every_block_are_offered(name: str) -> None:
    family, sublayers = family_of(net_of(name)), sublayers_of(name)
    assert family.name in (name.partition("-")[0], "gemma3_text")
    assert [s.kind for s in sublayers] == ["attention", "mlp"] * BLOCKS
    assert [s.depth for s in sublayers] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert len(units(sublayers, "block")) == len(family.chain(net_of(name))) == BLOCKS
    assert family.refused(net_of(name)) == {}
    owned = [f"{s.block}.{module}" for s in sublayers for module in s.modules]
    assert len(set(owned)) == len(owned)


@every_decoder
def test_a_removed_decoder_is_the_masked_one_to_the_bit(name: str) -> None:
    net, ids = net_of(name), token_ids()
    whole, state = logits(net, ids), [(n, t.data_ptr()) for n, t in net.state_dict(keep_vars=True).items()]
    for gone in sets_of(name):
        with masked(net, gone, "skip"):
            expected = logits(net, ids)
        with removed(net, gone, "skip"):
            assert torch.equal(logits(net, ids), expected)
        assert torch.equal(logits(remove(net, gone, "skip"), ids), expected)
        assert not torch.equal(expected, whole)
    assert torch.equal(logits(net, ids), whole)
    assert torch.equal(logits(remove(net, (), "skip"), ids), whole)
    assert [(n, t.data_ptr()) for n, t in net.state_dict(keep_vars=True).items()] == state


@every_decoder
def test_a_dropped_attention_equals_one_with_a_zeroed_output_projection(name: str) -> None:
    """Fact 2 of LLM-Drop: weight and bias are zeroed, and that the norm goes too changes nothing."""
    ids, gone = token_ids(), sublayers_of(name)[2]
    zeroed = copy.deepcopy(net_of(name))
    held = dict(zeroed.get_submodule(gone.name).named_children())
    projection = next(held[path] for path in ("o_proj", "out_proj", "dense", "c_proj") if path in held)
    with torch.no_grad():
        for parameter in projection.parameters():
            parameter.zero_()
    assert torch.equal(logits(remove(net_of(name), [gone], "skip"), ids), logits(zeroed, ids))


@every_decoder
def test_exactly_what_is_removed_is_gone(name: str) -> None:
    net = net_of(name)
    gone = sublayers_of(name)[2:5]  # a block, and an attention beside it
    proof = prove(net, remove(net, gone, "skip"), gone, "skip", token_ids(), counted(name))
    assert (proof.status, proof.reason) == ("passed", None)
    assert proof.macs_found is not None


@every_decoder
def test_the_input_in_place_of_attention_equals_the_masked_form_or_is_refused(name: str) -> None:
    net, gone = net_of(name), [s for s in sublayers_of(name) if s.kind == "attention"][1:3]
    if gone[0].branch.reads_shared:
        with pytest.raises(SpecError, match=r"what .* reads is made for all branches of its block.*; use 'skip'"):
            remove(net, gone, "identity")
        return
    with masked(net, gone, "identity"):
        expected = logits(net, token_ids())
    assert torch.equal(logits(remove(net, gone, "identity"), token_ids()), expected)


@every_decoder
def test_what_is_seen_is_a_stream_and_what_is_added_to_it(name: str) -> None:
    net, ids = net_of(name), token_ids()
    expected, sublayers = logits(net, ids), sublayers_of(name)
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def see(unit: Unit, x: Tensor, added: Tensor) -> Tensor:
        seen[unit.name] = (x.clone(), added.clone())
        return added.clone()

    with tapped(net, [s.unit for s in sublayers], see):
        assert torch.equal(logits(net, ids), expected)
    assert list(seen) == [s.name for s in sublayers]
    assert {pair[at].shape for pair in seen.values() for at in (0, 1)} == {(*ids.shape, 32)}
    blocks: dict[str, Tensor] = {}
    with tapped(net, units(sublayers, "block"), lambda unit, x, added: blocks.update({unit.name: added})):
        logits(net, ids)
    for first, second in zip(sublayers[::2], sublayers[1::2], strict=True):
        torch.testing.assert_close(seen[first.name][1] + seen[second.name][1], blocks[first.block])


@every_decoder
def test_without_any_block_the_embedding_goes_to_the_last_norm(name: str) -> None:
    net, ids = net_of(name), token_ids()
    first, last = family_of(net).chain(net)[0], _last_norm(net)
    entered, hook = streams_of(net, first)
    logits(net, ids)
    hook.remove()
    for target in ("block", "joint"):
        gone = [sublayer for unit in units(sublayers_of(name), target) for sublayer in unit.sublayers]
        candidate = remove(net, gone, "skip")
        left, hook = streams_of(candidate, last)
        found = logits(candidate, ids)
        assert torch.equal(left[0], entered[0])
        with torch.no_grad():
            head: Any = candidate
            plain = head.get_output_embeddings()(candidate.get_submodule(last)(entered[0]))
        cap = getattr(head.config, "final_logit_softcapping", None)
        assert torch.equal(found, plain if cap is None else cap * torch.tanh(plain / cap))


def _last_norm(net: nn.Module) -> str:
    """The last module outside the blocks before the head."""
    paths = ("model.norm", "transformer.ln_f", "gpt_neox.final_layer_norm", "model.decoder.final_layer_norm")
    return next(path for path in (*paths, "model.final_layernorm") if path in dict(net.named_modules()))


@every_decoder
def test_a_block_is_its_attention_and_its_mlp(name: str) -> None:
    net, ids = net_of(name), token_ids()
    unit = units(sublayers_of(name), "block")[1]
    whole = logits(remove(net, unit.sublayers, "skip"), ids)
    for order in (unit.sublayers, unit.sublayers[::-1]):
        one = remove(net, order[:1], "skip")
        assert torch.equal(logits(remove(one, order[1:], "skip"), ids), whole)


@every_decoder
def test_a_removed_decoder_trains(name: str) -> None:
    sublayers = sublayers_of(name)
    candidate: Any = remove(net_of(name), (sublayers[0], sublayers[3], *sublayers[4:6]), "skip").train()
    candidate(token_ids(), use_cache=False).logits.square().mean().backward()
    assert all(p.grad is not None for p in candidate.parameters() if p.requires_grad)


@every_decoder
def test_generation_with_a_cache_equals_generation_without(name: str) -> None:
    net, ids = net_of(name), token_ids(length=7)
    for gone in ((), *list(sets_of(name))[::2]):
        candidate = remove(net, gone, "skip")
        given = generated(candidate, ids)
        assert torch.equal(given.sequences, generated(candidate, ids, cached=False).sequences)
        lost = {s.depth for s in gone if s.kind == "attention"}
        assert [at for at, held in enumerate(cached_bytes(given)) if held] == [
            at for at in range(BLOCKS) if at not in lost
        ]


@pytest.mark.parametrize("name", ["llama", "gemma3", "gpt2", "opt", "bloom"])
def test_generation_equals_that_of_the_masked_decoder(name: str) -> None:
    net, ids = net_of(name), token_ids(length=7)
    for gone in sets_of(name):
        with masked(net, gone, "skip"):
            expected = generated(net, ids, cached=False).sequences
        assert torch.equal(generated(remove(net, gone, "skip"), ids).sequences, expected)


def test_a_cache_holds_what_its_formula_says() -> None:
    net, ids = net_of("llama"), token_ids(items=3, length=7)
    gone = [s for s in sublayers_of("llama") if s.kind == "attention" and s.depth in (0, 2)]
    found = cached_bytes(generated(remove(net, gone, "skip"), ids))
    tokens = 7 + NEW - 1  # the last one is never read
    assert found == [0, 2 * 2 * 8 * 4 * 3 * tokens] * 2  # keys and values, heads, width of a head, bytes, items


@every_decoder
def test_padding_changes_nothing(name: str) -> None:
    ids = token_ids(items=1, length=7)
    pad = torch.zeros(1, 3, dtype=torch.int64)
    right, left = torch.cat((ids, pad), dim=1), torch.cat((pad, ids), dim=1)
    for gone in ((), sublayers_of(name)[:3]):
        net = remove(net_of(name), gone, "skip")
        found = logits(net, right, torch.cat((torch.ones_like(ids), pad), dim=1))[:, :7]
        torch.testing.assert_close(found, logits(net, ids), rtol=1e-4, atol=1e-5)
        expected = generated(net, ids).sequences[:, 7:]
        mask = torch.cat((pad, torch.ones_like(ids)), dim=1)
        assert torch.equal(generated(net, left, mask).sequences[:, 10:], expected)


def test_a_cache_that_is_made_without_a_configuration_serves_too() -> None:
    from transformers import DynamicCache

    ids = token_ids(length=7)
    gone = [s for s in sublayers_of("opt") if s.kind == "attention" and s.depth != 2]
    net: Any = remove(net_of("opt"), gone, "skip")
    held: Any = DynamicCache()
    with torch.no_grad():
        steps = [net(ids[:, at : at + 1], cache=held, use_cache=True).logits for at in range(7)]
    torch.testing.assert_close(torch.cat(steps, dim=1), logits(net, ids), rtol=1e-4, atol=1e-5)
    assert [layer.get_seq_length() for layer in held.layers] == [7] * BLOCKS


def test_beams_and_a_static_cache_find_their_places() -> None:
    ids = token_ids(length=7)
    gone = [s for s in sublayers_of("gpt2") if s.kind == "attention" and s.depth in (0, 3)]
    net: Any = remove(net_of("gpt2"), gone, "skip")
    asked: dict[str, Any] = {"max_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}
    mask = torch.ones_like(ids)
    with torch.no_grad():
        beams = [net.generate(ids, attention_mask=mask, num_beams=3, use_cache=c, **asked) for c in (True, False)]
        static = net.generate(ids, attention_mask=mask, cache_implementation="static", disable_compile=True, **asked)
    assert torch.equal(*beams)
    assert torch.equal(static, generated(net, ids, cached=False).sequences)


def test_macs_count_shared_heads_once() -> None:
    (first, second, *_), whole = counted("llama").sublayers, counted("llama").macs
    projections = 12 * (32 * 32 + 2 * 32 * 16 + 32 * 32)
    assert first.macs == projections + 2 * 4 * 12 * 12 * 8  # scores and their product with values, of every head
    assert second.macs == 12 * 3 * 32 * 48
    assert whole == BLOCKS * (first.macs + second.macs) + 12 * 32 * VOCABULARY
    assert first.params == 2 * 32 * 32 + 2 * 32 * 16 + 32
    assert count_macs(net_of("llama"), token_ids(1)).total == whole


def test_macs_of_experts_are_those_of_the_chosen_ones() -> None:
    mlp, values = counted("mixtral").sublayers[1], counted("mixtral").reads_values
    assert mlp.macs == 12 * (32 * 4 + 2 * 3 * 32 * 48)
    assert not values
    found = count_macs(net_of("mixtral"), token_ids(1))
    assert (found.total, found.uncounted) == (counted("mixtral").macs, ())


def test_what_norms_its_sums_is_refused() -> None:
    kind, options = DECODERS["opt"]
    net = create(f"hf-config:{kind}", {**options, "do_layer_norm_before": False}, {}, device="meta")
    assert family_of(net).sublayers(net) == ()
    assert set(family_of(net).refused(net).values()) == {
        "it norms the sum, so that the stream would still be normed without the branch"
    }
    kind, options = DECODERS["bloom"]
    net = create(f"hf-config:{kind}", {**options, "apply_residual_connection_post_layernorm": True}, {}, device="meta")
    assert family_of(net).sublayers(net) == ()


def test_a_type_without_a_family_says_so() -> None:
    net = create("hf-config:mamba", {"hidden_size": 16, "num_hidden_layers": 1, "vocab_size": 50}, {}, device="meta")
    with pytest.raises(UnknownNameError, match=r"no family says where a network of class .*\.MambaForCausalLM keeps"):
        family_of(net)


def test_every_family_of_transformers_has_a_decoder() -> None:
    found = {family.name for family in families() if family.library == "transformers"}
    assert found == {family_of(decoder(name, "meta")).name for name in DECODERS}
    known = {block for family in families() if family.library == "transformers" for block in family.layouts}
    chains = {name: family_of(net_of(name)).chain(net_of(name)) for name in DECODERS}
    assert known == {class_name(net_of(name).get_submodule(chain[0])) for name, chain in chains.items()}
