"""Each sublayer alone out of a network: what goes, that nothing else does, and that no weight is copied."""

from __future__ import annotations

from pathlib import Path

import torch
from singled import bench, singles
from small_studies import records, run_here, small, written
from torch import nn

from harness.counting import count_macs
from harness.families.catalogue import family_of
from harness.stages.singles import singles_of
from harness.surgery import remove
from harness.tasks.base import Batch


def test_every_sublayer_is_offered_in_order(tiny_net: nn.Module) -> None:
    found = singles(tiny_net)
    assert list(found) == [f"blocks.{depth}.{part}" for depth in range(3) for part in ("attn", "mlp")]
    assert [(one.kind, one.depth) for one in found.values()][:3] == [("attention", 0), ("mlp", 0), ("attention", 1)]


def test_what_goes_is_what_a_count_of_both_networks_says(tiny_net: nn.Module, batch: Batch) -> None:
    item = batch.inputs[:1]
    for one in singles(tiny_net).values():
        rest = one.without()
        assert one.macs == count_macs(tiny_net, item).total - count_macs(rest, item).total
        assert one.params == sum(p.numel() for p in tiny_net.parameters()) - sum(p.numel() for p in rest.parameters())


def test_the_rest_computes_what_a_removal_for_good_computes(tiny_net: nn.Module, batch: Batch) -> None:
    parts = {part.name: part for part in family_of(tiny_net).sublayers(tiny_net)}
    with torch.no_grad():
        for name, one in singles(tiny_net).items():
            reference = remove(tiny_net, [parts[name]], "skip")
            assert torch.equal(one.without()(batch.inputs), reference(batch.inputs))


def test_no_weight_is_copied_and_the_whole_stays_whole(tiny_net: nn.Module, batch: Batch) -> None:
    with torch.no_grad():
        before = tiny_net(batch.inputs)
        rest = singles(tiny_net)["blocks.1.attn"].without()
        assert torch.equal(tiny_net(batch.inputs), before)
    own = {id(parameter) for parameter in tiny_net.parameters()}
    assert {id(parameter) for parameter in rest.parameters()} < own


def test_a_network_with_transforms_is_not_taken_apart(tiny_net: nn.Module) -> None:
    assert singles_of(bench(transforms=(("evaluate", object()),)), tiny_net) == {}


def test_only_a_trial_with_nothing_removed_is_asked(tmp_path: Path) -> None:
    quick = {"name": "sublayers", "rounds": 2, "pairs": 3, "warmup": 1}
    study = written(tmp_path, small(collectors=["macs", quick, "sublayer_counts"], noise={"remeasure": 0}))
    assert {record.status for record in run_here(study, tmp_path / "results")} == {"ok"}
    found = [record for runs in records(tmp_path / "results", "small").values() for record in runs]
    held = {
        record.trial.criterion: {m.metric: m for m in record.measurements if m.metric.startswith("sublayer")}
        for record in found
    }
    assert held["last"] == {}
    shares, macs = held[None]["sublayer_latency_share"], held[None]["sublayer_macs"]
    assert shares.by_sublayer is not None
    assert macs.by_sublayer is not None
    assert shares.by_sublayer.keys() == macs.by_sublayer.keys()
    assert len(macs.by_sublayer) == 6
    assert shares.details["pairs"] == [6, 6]
