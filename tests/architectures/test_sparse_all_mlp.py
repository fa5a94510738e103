"""Sparse all-MLP: facts 1 to 3 and 6 to 9 of its sheet, its cost model, and its place in a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from small_studies import written
from text_files import load_text, write_texts
from torch import Tensor
from torch.nn.functional import gelu, layer_norm

from harness.architectures.sparse_all_mlp import SparseAllMlp, TokenMixture
from harness.counting import count_macs
from harness.errors import DeviceError, HarnessError
from harness.models import content_of, create, load_weights, save_weights
from harness.plan import make_plan
from harness.recipes import TrainOptions
from harness.schema import Options
from harness.study_file import load_study
from harness.tasks.language_modelling import LanguageModelling
from harness.tasks.texts import UNSCORED, TextInput
from harness.training.circle import Circle
from harness.training.loop import train

CONTEXT, WIDTH, FFN, VOCABULARY = 12, 8, 20, 30
SMALL: Options = {"vocabulary": VOCABULARY, "context": CONTEXT, "width": WIDTH, "ffn_dim": FFN, "experts": 4}
OF_BYTES: Options = {**SMALL, "vocabulary": 256}
PARTIAL: Options = {"routing": "partial", "prefix": 5}
SAME = 1e-12  # a product of other rows may round otherwise in its last bits: experts have those that come to them
IDS = torch.randint(VOCABULARY, (3, CONTEXT), generator=torch.Generator().manual_seed(1))
TASK = LanguageModelling()


def net_of(**changes: Any) -> SparseAllMlp:
    """A small network whose weights are all moved from their start."""
    net: Any = create("sparse_all_mlp", {**SMALL, **changes}, {})
    chance = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=chance))
    return net.requires_grad_(False).double()  # type: ignore[no-any-return]  # what is created is known by name alone


def changed_at(place: int) -> Tensor:
    ids = IDS.clone()
    ids[:, place] = (ids[:, place] + 1) % VOCABULARY
    return ids


@pytest.mark.parametrize("blocks", [(2, 0), (0, 2), (2, 2)], ids=str)
def test_fact_1_a_token_changes_no_logits_before_it(blocks: tuple[int, int]) -> None:
    net = net_of(dense_depth=blocks[0], sparse_depth=blocks[1])
    before = net(IDS).logits
    for place in range(CONTEXT):
        after = net(changed_at(place)).logits
        torch.testing.assert_close(after[:, :place], before[:, :place], rtol=0, atol=SAME if blocks[1] else 0)
        assert not torch.equal(after[:, place], before[:, place])
    assert float((net(changed_at(0)).logits - before)[:, -1].abs().max()) > 0.01  # and it does look back


def test_fact_2_partial_prediction_leaks_nothing_from_the_prefix_on() -> None:
    net = net_of(**PARTIAL)
    before = net(IDS).logits
    for place in range(5, CONTEXT):
        torch.testing.assert_close(net(changed_at(place)).logits[:, :place], before[:, :place], rtol=0, atol=SAME)


def test_fact_2_the_loss_ignores_tokens_of_the_prefix(tmp_path: Path) -> None:
    fed = TASK.input_config(net_of(**PARTIAL, vocabulary=256))
    assert fed == TextInput(256, CONTEXT, unscored=4)
    data = load_text(write_texts(tmp_path), fed=fed, separator="\n\n\n", context=CONTEXT, stride=CONTEXT - 4)
    for part in ("train", "test"):
        (batch,) = data.parts[part].batches(1000)
        asked = batch.targets != UNSCORED
        assert not asked[:, :4].any()  # places before the last of the prefix tell tokens that the gate saw
        assert asked[0, 4:].all()
        assert data.parts[part].info.transform.endswith(", told after 4 more")


def test_windows_that_overlap_by_what_is_unscored_tell_every_token_after_the_prefix(tmp_path: Path) -> None:
    home = write_texts(tmp_path)
    fed = TextInput(256, CONTEXT, unscored=4)
    data = load_text(home, fed=fed, separator="\n\n\n", context=CONTEXT, stride=CONTEXT - 4)
    (batch,) = data.parts["test"].batches(1000)
    documents = (home / "test.txt").read_text(encoding="utf-8").split("\n\n\n")
    assert TASK.scored(batch) == sum(len(document) - 1 - 4 for document in documents)


def test_fact_3_a_leaky_gate_fails_the_test_of_causality() -> None:
    net = net_of(routing="leaky")
    before = net(IDS).logits
    leaks = [float((net(changed_at(t)).logits - before)[:, :t].abs().max()) for t in range(6, CONTEXT)]
    assert max(leaks) > 0.01


def base_layer(balancing: bool = False, *, experts: int = 4, depth: int = 1, moved: bool = True) -> TokenMixture:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = TokenMixture(WIDTH, FFN, experts, depth)
        for parameter in made.parameters():
            parameter.data.add_(0.3 * torch.randn(parameter.shape) if moved else 0)
    return made.requires_grad_(False).train(balancing)


TOKENS = torch.randn(2, 9, WIDTH, generator=torch.Generator().manual_seed(3))


def counts_of(made: TokenMixture, x: Tensor) -> list[int]:
    seen = [0] * len(made.experts)
    for at, expert in enumerate(made.experts):
        expert.register_forward_pre_hook(lambda _, given, at=at: seen.__setitem__(at, len(given[0])))
    made(x)
    return seen


def test_fact_6_training_gives_every_expert_as_many_tokens() -> None:
    assert counts_of(base_layer(balancing=True), TOKENS[:, :8]) == [4, 4, 4, 4]
    assert sorted(counts_of(base_layer(balancing=True), TOKENS)) == [4, 4, 5, 5]


def test_fact_7_a_base_layer_starts_as_the_identity_and_mixes_convexly() -> None:
    start = base_layer(moved=False)
    assert not start(TOKENS).any()
    product = start.centroids @ start.centroids.T
    torch.testing.assert_close(product, 0.01 * torch.eye(4))  # orthogonal, with a gain of 0.1


@pytest.mark.parametrize("depth", [1, 2])
def test_fact_8_evaluation_takes_the_expert_of_most_affinity_and_drops_no_token(depth: int) -> None:
    made: Any = base_layer(depth=depth)
    rows = []
    for h in TOKENS.flatten(0, 1):
        affinities = torch.einsum("ed,d->e", made.centroids, h)
        expert = made.experts[int(affinities.argmax())]
        given = h
        for norm, first, _, last in expert.layers:
            inner = layer_norm(given, (WIDTH,), norm.weight, norm.bias)
            hidden = (torch.einsum("fd,d->f", first.weight, inner) + first.bias).clamp(min=0)
            given = given + torch.einsum("df,f->d", last.weight, hidden) + last.bias
        alpha = 1 / (1 + torch.exp(-affinities.max()))
        rows.append(alpha * given + (1 - alpha) * h)
    torch.testing.assert_close(TOKENS + made(TOKENS), torch.stack(rows).view_as(TOKENS))
    assert sum(counts_of(made, TOKENS)) == 18


def test_centroids_learn_through_the_mixing_alone() -> None:
    made = base_layer().requires_grad_()
    torch.autograd.backward(made(TOKENS).square().sum())
    affinities = TOKENS.flatten(0, 1) @ made.centroids.detach().T
    centroids = made.centroids.detach().clone().requires_grad_()
    chosen = affinities.argmax(-1)
    alpha = (TOKENS.flatten(0, 1) * centroids[chosen]).sum(-1).sigmoid()
    with torch.no_grad():
        pairs = zip(chosen, TOKENS.flatten(0, 1), strict=True)
        added = torch.stack([made.experts[int(expert)](h[None])[0] for expert, h in pairs])
    torch.autograd.backward((alpha[:, None] * added).square().sum())
    torch.testing.assert_close(made.centroids.grad, centroids.grad)


def test_fact_9_at_the_start_a_dense_block_is_a_plain_mlp_of_its_first_half() -> None:
    with torch.random.fork_rng(devices=[]):
        block: Any = create("sparse_all_mlp", SMALL, {}).get_submodule("model.blocks.0")
    with torch.no_grad():
        x = torch.randn(3, CONTEXT, WIDTH)
        z = gelu(layer_norm(x, (WIDTH,)) @ block.mlp.proj_in.weight.T + block.mlp.proj_in.bias)[..., : FFN // 2]
        torch.testing.assert_close(block(x), x + z @ block.mlp.proj_out.weight.T + block.mlp.proj_out.bias)


def test_a_dense_block_is_that_of_the_equations() -> None:
    block: Any = net_of().get_submodule("model.blocks.0")
    x = torch.randn(3, CONTEXT, WIDTH, dtype=torch.float64)
    inner = layer_norm(x, (WIDTH,), block.norm.weight, block.norm.bias)
    z1, z2 = gelu(inner @ block.mlp.proj_in.weight.T + block.mlp.proj_in.bias).chunk(2, -1)
    gate = block.mlp.gate
    causal = torch.ones(CONTEXT, CONTEXT).tril() * gate.positions.weight
    mixed = torch.einsum("ts,nsc->ntc", causal, layer_norm(z2, (FFN // 2,), gate.norm.weight, gate.norm.bias))
    s = z1 * (mixed + gate.positions.bias[:, None])
    torch.testing.assert_close(block(x), x + s @ block.mlp.proj_out.weight.T + block.mlp.proj_out.bias)


@pytest.mark.parametrize("experts", [1, 2, 4, 8])
def test_costs_are_those_of_the_cost_model(experts: int) -> None:
    net: Any = create("sparse_all_mlp", {**SMALL, "experts": experts}, {}, device="meta")
    count = count_macs(net, IDS[:1].to("meta"), lambda n, ids: n(ids))
    n, d, f, inner = CONTEXT, WIDTH, FFN, FFN
    assert (count.uncounted, count.read_by) == ((), ())
    macs, sizes = count.by_module, {name: sum(p.numel() for p in m.parameters()) for name, m in net.named_modules()}
    assert macs["model.blocks.0.mlp.gate"] == n * (n * inner // 2)
    assert sizes["model.blocks.0.mlp.gate.positions"] == n**2 + n
    assert macs["model.blocks.2.smoe"] == n * (n * d)
    assert sizes["model.blocks.2.smoe.experts"] == experts * (n**2 + n)
    assert macs["model.blocks.2.tmoe"] == n * (2 * d * f + d * experts)
    assert sizes["model.blocks.2.tmoe"] == experts * (2 * d * f + f + 3 * d) + experts * d


def test_blocks_stand_in_the_order_that_is_asked_for() -> None:
    for order, expected in (("dense_first", "dddss"), ("sparse_first", "ssddd"), ("alternating", "ddsds")):
        blocks = net_of(dense_depth=3, sparse_depth=2, order=order).model.blocks
        assert "".join("s" if type(block).__name__ == "SparseBlock" else "d" for block in blocks) == expected


def test_shorter_texts_are_read_with_the_first_rows() -> None:
    net = net_of()
    torch.testing.assert_close(net(IDS[:, :7]).logits, net(IDS).logits[:, :7], rtol=0, atol=SAME)


def test_a_tied_head_is_the_table_of_embeddings_counted_once_and_kept(tmp_path: Path) -> None:
    tied, free = net_of(is_tied=True), net_of()
    assert tied.head.weight is tied.model.embed.weight
    assert sum(p.numel() for p in free.parameters()) - sum(p.numel() for p in tied.parameters()) == VOCABULARY * WIDTH
    save_weights(tied, tmp_path / "tied.safetensors")
    other: Any = create("sparse_all_mlp", {**SMALL, "is_tied": True}, {}).double()
    load_weights(other, tmp_path / "tied.safetensors")
    assert other.head.weight is other.model.embed.weight
    assert content_of(other) == content_of(tied)


def test_it_keeps_no_cache() -> None:
    with pytest.raises(ValueError, match="a sparse all-MLP keeps no cache"):
        net_of()(IDS, use_cache=True)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no prefix": ({"routing": "partial"}, "partial routing needs a prefix: how many tokens its gate sees"),
    "all is prefix": (
        {"routing": "partial", "prefix": 12},
        "prefix must be between 1 and the context less one, 11: 12",
    ),
    "a prefix of nothing": ({"prefix": 3}, "prefix is of partial routing, and routing is deterministic"),
    "no such routing": ({"routing": "hash"}, "routing must be one of deterministic, partial, leaky, not 'hash'"),
    "no such order": ({"order": "random"}, "order must be one of dense_first, sparse_first, alternating"),
    "zero experts": ({"experts": 0}, "experts must be 1 or more, and is 0"),
    "chunks that do not fit": ({"experts": 3}, "width 8 can't be cut into 3 chunks, one for each of `experts`"),
    "a word for a switch": ({"is_tied": "no"}, "is_tied must be true or false, not 'no'"),
    "an odd inner width": ({"gate_dim": 7}, "is cut in two halves: gate_dim 7 is not even"),
    "no blocks": ({"dense_depth": 0, "sparse_depth": 0}, "at least one block is needed"),
    "no such option": ({"depth": 4}, "options.depth: no such option of sparse_all_mlp"),
}


@pytest.mark.parametrize(("changes", "said"), REFUSED.values(), ids=REFUSED)
def test_options_that_make_no_network_are_refused_in_a_sentence(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError) as caught:
        create("sparse_all_mlp", {**SMALL, **changes}, {}, device="meta")
    assert said in str(caught.value)


def test_a_balance_over_the_whole_batch_is_for_one_process() -> None:
    Circle().check(net_of())
    Circle(0, 2).check(net_of(sparse_depth=0))
    with pytest.raises(DeviceError, match="what SparseAllMlp makes of an item in training hangs on all others"):
        Circle(0, 2).check(net_of())


def test_it_is_trained_on_text_like_any_decoder(tmp_path: Path) -> None:
    data = load_text(write_texts(tmp_path), separator="\n\n\n", context=CONTEXT)
    for routing in (dict[str, Any](), dict(PARTIAL)):
        net = create("sparse_all_mlp", {**OF_BYTES, "dense_depth": 1, "sparse_depth": 1, **routing}, {})
        options = TrainOptions(steps=20, batch=8, lr=1e-2, label_smoothing=0.0)
        figures = train(net, TASK, data.parts["train"], options, "cpu", 0, lambda _: None)
        assert figures["loss"] < 5  # 5.5 nats are those of a network that knows nothing


def study_of(home: Path, **changes: Any) -> Path:
    model = {
        "name": "smlp",
        "architecture": "sparse_all_mlp",
        "options": OF_BYTES,
        "weights": "random",
    }
    study = {
        "study": "words",
        "data": {"name": "text", "label": "texts", "separator": "\n\n\n", "context": CONTEXT},
        "models": [{**model, **changes.pop("model", {})}],
        "targets": ["gate", "experts", "fused"],
        "criteria": ["similarity"],
        "counts": [1],
        "collectors": ["perplexity", "macs"],
        "paths": {"texts": str(write_texts(home / "texts"))},
    }
    return written(home, {**study, **changes})


def test_a_study_names_it_like_any_other_network(tmp_path: Path) -> None:
    plan = make_plan(load_study(study_of(tmp_path)), tmp_path / "results")
    assert {trial.target for trial in plan.trials} >= {"gate", "experts", "fused"}


OF_A_STUDY: dict[str, tuple[dict[str, Any], str]] = {
    "a context too long": (
        {"model": {"options": {**OF_BYTES, "context": 8}}},
        "the network takes 8 at most",
    ),
    "a vocabulary too small": (
        {"model": {"options": SMALL}},
        "the data's tokenizer has 256 tokens, the network knows 30",
    ),
    "a text within the prefix": (
        {"model": {"options": {**OF_BYTES, "context": 40, "routing": "partial", "prefix": 13}}},
        "the network sees the first 13 tokens of an item before it tells any; a longer context would do",
    ),
    "images": (
        {"data": "digits", "collectors": ["macs"]},
        "it reads tokens, and tells the next one; 'data: text' would do",
    ),
}


@pytest.mark.parametrize(("changes", "said"), OF_A_STUDY.values(), ids=OF_A_STUDY)
def test_data_that_does_not_fit_is_refused_before_any_run(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(HarnessError) as caught:
        make_plan(load_study(study_of(tmp_path, **changes)), tmp_path / "results")
    assert said in str(caught.value)
