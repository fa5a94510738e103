"""Token merging against a slow reading of its equations, and the token counts of lambda-ViT's last table."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import pytest
import timm
import torch
from conftest import TINY
from torch import Tensor, nn

from harness.counting import count_macs
from harness.errors import SpecError
from harness.families.catalogue import family_of, sublayers_named
from harness.merging import merged
from harness.surgery import remove, removed
from harness.transforms.base import transforms
from harness.transforms.tome import TokenMerging

# Removed attention, start, r, and the tokens left of 197 at the last block.
PUBLISHED = [
    ("DeiT-B 40%", (0, 1, 3, 4, 6), 1, 24, 53),
    ("DeiT-B 40%", (0, 1, 3, 4, 6), 1, 28, 29),
    ("DeiT-B 50%", (0, 1, 3, 4, 6, 9), 0, 14, 113),
    ("DeiT-S 25%", (0, 2, 4), 1, 22, 22),
    ("DeiT-S 30%", (0, 2, 4, 6), 1, 19, 64),
    ("DeiT-T 25%", (0, 2, 4), 1, 19, 45),
    ("DeiT-T 30%", (0, 2, 4, 6), 1, 14, 99),
]


def twelve(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model("deit_tiny_patch16_224", embed_dim=16, num_heads=2, num_classes=4, **options)
    return net.eval()


def small(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    shape: dict[str, Any] = {**TINY, "in_chans": 1, "num_classes": 10, **options}
    net: nn.Module = timm.create_model(shape.pop("name", "vit_tiny_patch16_224"), **shape)
    for parameter in net.parameters():  # far from the even attention of a fresh network
        torch.nn.init.normal_(parameter, std=0.2)
    return net.eval()


def without(net: nn.Module, depths: Iterable[int], removal: str = "skip") -> nn.Module:
    return remove(net, sublayers_named(net, [f"blocks.{depth}.attn" for depth in depths]), removal)


def inputs(n: int = 3) -> Tensor:
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def token_counts(net: Any, x: Tensor) -> list[int]:
    """Tokens that each block's last part gives out."""
    found: list[int] = []
    handles = [
        block.mlp.register_forward_hook(lambda _module, _inputs, given: found.append(given.shape[1]))
        for block in net.blocks.children()
    ]
    with torch.inference_mode():
        net(x)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize(("label", "gone", "start", "r", "left"), PUBLISHED)
@pytest.mark.parametrize("removal", ["skip", "identity"])
def test_tokens_left_are_those_of_the_published_table(
    label: str, gone: tuple[int, ...], start: int, r: int, left: int, removal: str
) -> None:
    net = TokenMerging(start=start, r=r).apply(without(twelve(), gone, removal))
    assert token_counts(net, torch.randn(1, 3, 224, 224))[-1] == left, label


def test_a_block_without_attention_merges_nothing_and_start_counts_the_others() -> None:
    net = TokenMerging(start=1, r=2).apply(without(small(depth=5), (0, 3)))
    assert token_counts(net, inputs()) == [17, 17, 15, 15, 13]


def slow_merge(x: Tensor, size: Tensor, keys: Tensor, r: int, protected: int) -> tuple[Tensor, Tensor]:
    """One item, (t, width), by the words of the paper: pairs one at a time, sets as lists."""
    mean = keys.mean(0)
    members_a = [i for i in range(len(x)) if i % 2 == 0]
    members_b = [i for i in range(len(x)) if i % 2 == 1]
    pairs = []
    for a in members_a:
        for_a = [(float(torch.cosine_similarity(mean[a], mean[b], dim=0)), b) for b in members_b if b >= protected <= a]
        pairs += [(*max(for_a), a)] if for_a else []
    chosen = sorted(pairs, reverse=True)[:r]
    sums, sizes = {i: x[i] * size[i] for i in range(len(x))}, {i: size[i] for i in range(len(x))}
    for _, b, a in chosen:
        sums[b], sizes[b] = sums[b] + x[a] * size[a], sizes[b] + size[a]
    gone = {a for _, _, a in chosen}
    front = list(range(protected))
    rest_a = [a for a in members_a if a not in gone and a not in front]
    order = front + rest_a + [b for b in members_b if b not in front]
    return torch.stack([sums[i] / sizes[i] for i in order]), torch.stack([sizes[i] for i in order])


@pytest.mark.parametrize("protected", [0, 1, 2, 5])
@pytest.mark.parametrize("tokens", [12, 13])
def test_a_merge_equals_the_equations_pair_by_pair(protected: int, tokens: int) -> None:
    generator = torch.Generator().manual_seed(tokens + protected)
    x = torch.randn(4, tokens, 6, generator=generator, dtype=torch.float64)
    size = torch.randint(1, 5, (4, tokens, 1), generator=generator).double()
    keys = torch.randn(4, 2, tokens, 3, generator=generator, dtype=torch.float64)
    for r in range(1, (tokens - protected) // 2 + 1):
        found, sizes = merged(x, size, keys, r, protected)
        assert found.shape == (4, tokens - r, 6)
        for item in range(4):
            expected, expected_sizes = slow_merge(x[item], size[item], keys[item], r, protected)
            torch.testing.assert_close(found[item], expected)
            torch.testing.assert_close(sizes[item], expected_sizes)


def slow_forward(net: Any, images: Tensor, r: int) -> Tensor:
    """A ViT that merges in every block, from its parameters: attention with its scores written out."""
    x = net._pos_embed(net.patch_embed(images))
    size = torch.ones(*x.shape[:2], 1)
    for block in net.blocks.children():
        attention = block.attn
        n, t, width = x.shape
        heads, d = attention.num_heads, width // attention.num_heads
        q, k, v = attention.qkv(block.norm1(x)).reshape(n, t, 3, heads, d).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / d**0.5 + size.log().reshape(n, 1, 1, t)
        branch = attention.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, width))
        x = x + block.ls1(branch)
        count = min(r, (t - net.num_prefix_tokens) // 2)
        pairs = [slow_merge(x[i], size[i], k[i], count, net.num_prefix_tokens) for i in range(n)]
        x, size = torch.stack([p[0] for p in pairs]), torch.stack([p[1] for p in pairs])
        x = x + block.ls2(block.mlp(block.norm2(x)))
    prefix = net.num_prefix_tokens
    if net.global_pool == "avg":
        stood_for = size[:, prefix:].sum(1)
        return net.head(net.fc_norm((x[:, prefix:] * size[:, prefix:]).sum(1) / stood_for))  # type: ignore[no-any-return]
    return net.forward_head(net.norm(x))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"name": "deit_tiny_distilled_patch16_224"},
        {"name": "deit3_small_patch16_224"},
        {"reg_tokens": 3},
        {"global_pool": "avg", "class_token": False},
        {"global_pool": "avg", "fc_norm": True},
    ],
    ids=str,
)
def test_a_whole_network_equals_its_equations(options: dict[str, Any]) -> None:
    net = small(**options)
    with torch.inference_mode():
        expected = slow_forward(net, inputs(), 5)
        untouched = net(inputs())
        found = TokenMerging(r=5).apply(net)(inputs())
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(untouched, expected, atol=1e-3)


def test_equal_tokens_merge_without_a_trace() -> None:
    """Tokens that are all alike: proportional attention and weighted means give what every copy gave."""
    net: Any = small()
    net.pos_embed = nn.Parameter(torch.zeros_like(net.pos_embed))
    same = torch.ones(2, 1, 8, 8)
    with torch.inference_mode():
        expected = net(same)
        torch.testing.assert_close(TokenMerging(r=3).apply(net)(same), expected, rtol=1e-4, atol=1e-4)


def test_one_item_does_not_depend_on_the_others() -> None:
    net = TokenMerging(r=4).apply(small())
    with torch.inference_mode():
        together = net(inputs(6))
        alone = torch.cat([net(item[None]) for item in inputs(6)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_before_its_start_a_network_is_bitwise_what_it_was() -> None:
    net = small()
    with torch.inference_mode():
        expected = net(inputs())
        assert torch.equal(TokenMerging(start=3, r=4).apply(net)(inputs()), expected)


def test_names_and_values_of_weights_stay() -> None:
    net = small()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    after = TokenMerging(r=4).apply(net).state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_copy_merges_by_its_own_keys() -> None:
    net = TokenMerging(r=4).apply(small())
    twin = copy.deepcopy(net)
    with torch.inference_mode():
        assert torch.equal(net(inputs()), twin(inputs()))
        for parameter in twin.parameters():
            parameter.zero_()
        assert not torch.equal(net(inputs()), twin(inputs()))


def test_a_family_still_fits_and_sublayers_still_go() -> None:
    net = TokenMerging(r=4).apply(small())
    gone = sublayers_named(net, ["blocks.0.attn", "blocks.2.mlp"])
    assert family_of(net).name == "vision_transformer"
    with torch.inference_mode(), removed(net, gone, "skip"):
        found = net(inputs())
        expected = TokenMerging(r=4).apply(remove(small(), gone, "skip"))(inputs())
    torch.testing.assert_close(found, expected)


def test_macs_count_the_shorter_sequences() -> None:
    net = twelve()
    whole = count_macs(net, torch.empty(1, 3, 224, 224)).total
    count = count_macs(TokenMerging(start=11, r=50).apply(net), torch.empty(1, 3, 224, 224))
    t, width = 197, 16
    matching = (t // 2) * (t // 2) * (width // 2)  # one product of the two sets' keys, the class token left out
    assert count.uncounted == ()
    assert count.total == whole - 50 * 2 * width * 4 * width + matching


def test_gradients_flow_through_merged_tokens() -> None:
    net = TokenMerging(r=4).apply(small().train())
    net(inputs()).sum().backward()
    assert all(p.grad is not None and bool(torch.isfinite(p.grad).all()) for p in net.parameters())


@pytest.mark.parametrize(
    ("architecture", "options", "word"),
    [
        ("resnet18", {}, "ResNet"),
        ("swin_tiny_patch4_window7_224", {}, "SwinTransformer"),
        ("vit_small_plus_patch16_dinov3", {}, "Eva"),
        ("vit_tiny_patch16_224", {"global_pool": "max"}, "max"),
        ("vit_tiny_patch16_224", {"global_pool": "avg", "fc_norm": False}, "mean"),
        ("vit_tiny_patch16_224", {"global_pool": "avg", "pool_include_prefix": True}, "class token"),
        ("vit_tiny_patch16_224", {"global_pool": "map"}, "pools"),
    ],
)
def test_a_network_it_does_not_know_is_refused_in_words(architecture: str, options: Any, word: str) -> None:
    with torch.device("meta"):
        net = timm.create_model(architecture, **options)
    with pytest.raises(SpecError, match=word):
        TokenMerging(r=4).apply(net)


def test_blocks_of_another_kind_are_refused() -> None:
    with torch.device("meta"):
        net: Any = timm.create_model("vit_xsmall_patch16_clip_224")
        net.blocks[2].attn = nn.Linear(4, 4)
    with pytest.raises(SpecError, match=r"blocks\.2 is a Block"):
        TokenMerging(r=4).apply(net)


def test_merging_twice_is_refused() -> None:
    with pytest.raises(SpecError, match="already"):
        TokenMerging(r=4).apply(TokenMerging(r=4).apply(small()))


def test_a_module_that_stands_in_for_a_block_is_an_error() -> None:
    net: Any = TokenMerging(r=4).apply(small())
    net.blocks[1] = nn.Linear(32, 32)
    with pytest.raises(RuntimeError, match="sizes are lost"):
        net(inputs())


def test_it_is_registered_with_its_options() -> None:
    made = transforms.create({"name": "tome", "start": 1, "r": 14})
    assert made.identity() == {"name": "tome", "start": 1, "r": 14}
    assert (made.starts, made.shares_prefixes) == ("evaluate", False)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_another_precision_stays_and_counts_what_tokens_stand_for_exactly(dtype: torch.dtype) -> None:
    net = small()
    with torch.inference_mode():
        whole = TokenMerging(r=4).apply(copy.deepcopy(net))(inputs())
        found = TokenMerging(r=4).apply(net.to(dtype))(inputs().to(dtype))
    assert found.dtype == dtype
    if dtype == torch.float64:  # in half precision near ties fall otherwise
        torch.testing.assert_close(found.float(), whole, rtol=1e-3, atol=1e-3)
    _, size = merged(torch.zeros(1, 4, 2, dtype=dtype), torch.full((1, 4, 1), 257.0), torch.ones(1, 1, 4, 2), 1, 0)
    assert float(size.max()) == 514.0
    assert float(size.sum()) == 4 * 257.0
