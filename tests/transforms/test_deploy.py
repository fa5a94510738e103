"""The deployed form gives what the form of training gives, costs less, and is taken once and late enough."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from small_studies import job_of, small, written
from torch import Tensor, nn

import harness.architectures  # noqa: F401  # registers the names
from harness.errors import HarnessError, SpecError
from harness.families.catalogue import sublayers_named
from harness.pending import assignments, standings
from harness.plan import make_plan
from harness.run_trial import run_trial
from harness.study_file import load_study
from harness.surgery import remove
from harness.transforms.base import transforms
from harness.transforms.deploy import Deploy

TINY: dict[str, Any] = {
    "img_size": 16, "patch_size": 2, "dim": 8, "depths": (1, 2), "share_sets": (2, 4), "num_classes": 5
}  # fmt: skip
X = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))


def tiny(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = timm.create_model("repmlpnet_t224", **{**TINY, **options})
    net(X)  # statistics that are not the neutral ones
    return net.eval()


def study(folder: Path, **changes: Any) -> Path:
    options = {key: [*value] if isinstance(value, tuple) else value for key, value in TINY.items()}
    model = {
        "name": "rep",
        "architecture": "repmlpnet_t224",
        "options": {**{key: value for key, value in options.items() if key != "num_classes"}, "img_size": 8},
        "weights": {"train": {"steps": 8}},
    }
    return written(folder, small(models=[model], targets=["local"], **changes))


def deployed(net: nn.Module) -> nn.Module:
    return Deploy().apply(copy.deepcopy(net))


def output(net: nn.Module) -> Tensor:
    with torch.no_grad():
        found: Tensor = net(X)
    return found


def test_it_is_a_transform_of_its_name() -> None:
    assert isinstance(transforms.create({"name": "deploy"}), Deploy)


def test_the_outputs_stay_and_the_branches_go() -> None:
    net = tiny()
    found = deployed(net)
    torch.testing.assert_close(output(found), output(net), rtol=1e-4, atol=1e-5)
    assert not [name for name in found.state_dict() if ".local." in name or ".channel.norm." in name]


def test_it_knows_the_networks_of_timm_that_have_two_forms() -> None:
    net = timm.create_model("repghostnet_050", num_classes=3).eval()
    assert len(deployed(net).state_dict()) < len(net.state_dict())


def test_a_network_with_one_form_is_refused() -> None:
    net = timm.create_model("smlpnet_t", img_size=16, dim=8, depths=(1, 1))
    with pytest.raises(SpecError, match=r"transforms.deploy: SMLPNet has no branches for its training, or they are"):
        deployed(net)


def test_a_deployed_network_is_refused() -> None:
    for net in (deployed(tiny()), tiny(deploy=True)):
        with pytest.raises(SpecError, match=r"transforms.deploy: RepMLPNet: locality is injected already"):
            deployed(net)


@pytest.mark.parametrize("part", ["mixer.local", "mixer.global_perceptron", "mixer", "mlp"])
def test_what_is_left_after_a_removal_is_deployed(part: str) -> None:
    net = tiny()
    small = remove(net, sublayers_named(net, [f"stages.{s}.blocks.{b}.{part}" for s, b in ((0, 0), (1, 1))]), "skip")
    torch.testing.assert_close(output(deployed(small)), output(small), rtol=1e-4, atol=1e-5)


def test_a_removal_may_leave_nothing_to_deploy() -> None:
    net = tiny()
    mixers = [name for name, module in net.named_modules() if type(module).__name__ == "RepMLP"]
    small = remove(net, sublayers_named(net, mixers), "skip")
    assert torch.equal(output(deployed(small)), output(small))


def test_a_form_that_gives_something_else_is_an_error() -> None:
    net: Any = tiny()

    def wrong() -> None:
        net.head.weight.data += 1
        net.head.extra = nn.Parameter(torch.ones(1))

    net.head.reparameterize = wrong  # the fault that is looked for
    with pytest.raises(HarnessError, match=r"the deployed form differs by"):
        Deploy().apply(net)


def test_without_weights_nothing_is_compared() -> None:
    with torch.device("meta"):
        net = timm.create_model("repmlpnet_t224", **TINY).eval()
    assert all(parameter.is_meta for parameter in Deploy().apply(net).parameters())


@pytest.mark.parametrize(
    ("architecture", "options", "is_refused"),
    [
        ("smlpnet_t", {"img_size": 8, "patch_size": 2, "dim": 8, "depths": [1, 1]}, True),
        ("repmlpnet_t224", {"img_size": 8, "patch_size": 2, "dim": 8, "depths": [2], "share_sets": [2]}, False),
        (
            "repmlpnet_t224",
            {"img_size": 8, "patch_size": 2, "dim": 8, "depths": [2], "share_sets": [2], "deploy": True},
            True,
        ),
        ("fastvit_t8", {}, False),
        ("fastvit_t8", {"inference_mode": True}, True),
        ("repvit_m0_9", {}, False),
    ],
)
def test_a_study_is_told_of_a_network_that_has_nothing_to_fold(
    architecture: str, options: dict[str, Any], is_refused: bool, tmp_path: Path
) -> None:
    model = {"name": "one", "architecture": architecture, "options": options, "weights": "random"}
    path = written(tmp_path, small(models=[model], targets=["mlp"], transforms=["deploy"], collectors=["macs"]))
    if is_refused:
        with pytest.raises(SpecError, match=r"transforms.0: deploy: the network has no branches .* \(model 'one'\)"):
            make_plan(load_study(path), tmp_path)
    else:
        assert make_plan(load_study(path), tmp_path).trials


def test_outputs_are_compared_at_full_precision() -> None:
    seen: list[str] = []
    net = tiny()
    net.register_forward_pre_hook(lambda *_: seen.append(torch.get_float32_matmul_precision()))
    torch.set_float32_matmul_precision("high")
    try:
        Deploy().apply(net)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == ["highest", "highest"]


@pytest.mark.parametrize("stage", ["prepare", "select", "recover"])
def test_a_study_is_told_that_it_comes_last(stage: str, tmp_path: Path) -> None:
    path = study(tmp_path, transforms=[{"name": "deploy", "from": stage}])
    with pytest.raises(SpecError, match=f"'deploy' can start at evaluate at the earliest, not at {stage}"):
        make_plan(load_study(path), tmp_path)


def test_a_study_measures_both_forms_with_and_without_local_perceptrons(tmp_path: Path) -> None:
    """Deployed, a network without local perceptrons costs what one with them costs, and is as accurate as before."""
    path = study(tmp_path, transforms=["none", "deploy"], collectors=["accuracy", "macs", "params"])
    plan = make_plan(load_study(path), tmp_path)
    found: dict[tuple[str, bool], dict[str, Any]] = {}
    for assignment in assignments(plan, standings(plan, (), None)):
        record = run_trial(job_of(plan, tmp_path), assignment, lambda stage, note: None)
        assert record.status == "ok", record.reason
        values = {m.metric: m.value for m in record.measurements if m.split in {None, "test"}}
        found[record.trial.transform, bool(record.removed)] = values
    assert found["none", False]["top1"] == found["deploy", False]["top1"]
    assert found["none", True]["top1"] == found["deploy", True]["top1"]
    assert found["none", True]["params"] < found["none", False]["params"]
    assert found["deploy", True]["macs"] == found["deploy", False]["macs"] < found["none", True]["macs"]
