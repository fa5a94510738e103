"""Every registered data set keeps the contract of its base."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from given_files import config, npz_folder, whole, write_images
from imagenet_files import official_files, write_folder
from numpy.typing import NDArray

from harness.datasets.base import PARTS, Data, Dataset, datasets
from harness.schema import Options
from harness.tasks.base import InputConfig
from harness.tasks.texts import TextInput


def write_even(home: Path) -> None:
    """Documents, one a file, of which every stretch of four bytes is full; no two stretches are equal."""
    for number, part in enumerate(PARTS):
        (home / part).mkdir(parents=True)
        for index in range(5):
            content = "".join(f"{number}{index}{place:02d}" for place in range(8))
            (home / part / f"{index}.txt").write_text(f"x{content}", encoding="utf-8")


LAID_OUT: dict[str, Callable[[Path], object]] = {
    "folder": lambda home: write_images(home, 40, 0),
    "imagenet": lambda home: write_folder(home, official_files()),
    "text": write_even,
}
CHOICES: dict[str, Options] = {
    "npz": {"label": "mine"},
    "folder": {"label": "mine"},
    "synthetic": {"size": 8},
    "text": {"label": "mine", "context": 4, "packed": False},
}


class Case:
    def __init__(self, name: str, home: Path) -> None:
        self.dataset: Dataset = datasets.create({"name": name, **CHOICES.get(name, {})})
        given = home / name
        self.paths = {self.dataset.title: given} if self.dataset.has_path else {}
        if self.dataset.has_path:
            LAID_OUT.get(name, npz_folder)(given)

    @property
    def is_text(self) -> bool:
        return self.dataset.describe(self.paths).task == "language_modelling"

    @property
    def config(self) -> InputConfig:
        return TextInput(256) if self.is_text else config(self.dataset.describe(self.paths).channels)

    def load(self, workers: int = 0) -> Data:
        return self.dataset.load(self.paths, self.config, workers)


@pytest.fixture(params=sorted(datasets.members()))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return Case(request.param, tmp_path)


def test_has_four_parts_with_items(case: Case) -> None:
    data = case.load()
    assert tuple(data.parts) == PARTS
    assert all(len(part) > 0 for part in data.parts.values())


def test_description_matches_loaded_data(case: Case) -> None:
    said, data = case.dataset.describe(case.paths), case.load()
    targets = torch.cat([whole(part).targets for part in data.parts.values()])
    assert data.description == said
    assert 0 <= int(targets.min()) <= int(targets.max()) < said.outputs
    assert said.sizes in ({}, {name: len(part) for name, part in data.parts.items()})


def test_batches_are_of_the_wanted_size_and_type_with_int64_targets(case: Case) -> None:
    size = (4,) if case.is_text else config(case.dataset.describe(case.paths).channels).size
    for part in case.load().parts.values():
        found = whole(part)
        assert found.inputs.dtype == (torch.int64 if case.is_text else torch.float32)
        assert found.targets.dtype == torch.int64
        assert found.inputs.shape == (part.info.items, *size)
        assert found.targets.shape == ((part.info.items, 4) if case.is_text else (part.info.items,))


def test_parts_are_disjoint(case: Case) -> None:
    items = {name: {row.numpy().tobytes() for row in whole(part).inputs} for name, part in case.load().parts.items()}
    assert all(not items[first] & items[second] for first, second in combinations(items, 2))


def test_fingerprints_are_stable_over_two_loads_and_differ_between_parts(case: Case) -> None:
    found = case.load().info()
    assert found == case.load().info()
    assert len({info.sha256 for info in found.values()}) == 4


def test_batches_keep_the_order_without_shuffle_whatever_their_size(case: Case) -> None:
    part = case.load().parts["train"]
    assert torch.equal(whole(part, 3).inputs, whole(part, 64).inputs)
    assert torch.equal(whole(part, 3).targets, whole(part, 64).targets)


def test_same_shuffle_seed_gives_same_order_and_another_seed_another(case: Case) -> None:
    part = case.load().parts["train"]
    first, again, other = whole(part, 4, 1), whole(part, 5, 1), whole(part, 4, 2)
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.targets, again.targets)
    assert not torch.equal(first.inputs, other.inputs)


def test_shuffle_only_permutes_pairs(case: Case) -> None:
    part = case.load().parts["train"]
    order = torch.from_numpy(np.random.default_rng(3).permutation(len(part)))
    plain, shuffled = whole(part), whole(part, shuffle=3)
    assert torch.equal(shuffled.inputs, plain.inputs[order])
    assert torch.equal(shuffled.targets, plain.targets[order])


def test_changed_items_come_in_the_order_of_the_plain_ones(case: Case) -> None:
    if not case.is_text:
        part = case.load().parts["train"]
        changed = torch.cat([batch.targets for batch in part.augmented(7, 3, "shift_flip")])
        assert torch.equal(changed, whole(part, shuffle=3).targets)


def numpy_state() -> NDArray[np.uint32]:
    found: NDArray[np.uint32] = np.random.get_state(legacy=False)["state"]["key"]
    return found


def test_global_random_states_are_left_alone(case: Case) -> None:
    torch.manual_seed(5)
    before, numpys = torch.get_rng_state(), numpy_state().copy()
    whole(case.load().parts["train"], shuffle=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(numpy_state(), numpys)


def test_changing_a_batch_does_not_change_the_part(case: Case) -> None:
    part = case.load().parts["calibration"]
    before = whole(part).inputs
    for batch in part.batches(4):
        batch.inputs.zero_()
    assert torch.equal(whole(part).inputs, before)


def test_identity_makes_an_equal_data_set(case: Case) -> None:
    split = datasets.create({**case.dataset.identity(), "splits": {"test": {"from": "train", "items": 2}}})
    assert datasets.create(split.identity()) == split
    assert split.identity()["splits"] == {"test": {"from": "train", "items": 2}}


def test_a_network_of_two_channels_is_refused(case: Case) -> None:
    from harness.errors import DataError

    if case.is_text:
        pytest.skip("a text has no channels")
    with pytest.raises(DataError, match="channels, the network wants 2"):
        case.dataset.load(case.paths, config(2))


def test_discovery_loads_nothing_heavy() -> None:
    code = (
        "import sys; from harness.datasets.base import datasets; datasets.members(); import harness.tasks.catalogue;"
        "datasets.create({'name': 'digits'}).describe({});"
        "sys.exit(bool({'torch', 'timm', 'torchvision', 'sklearn', 'pandas', 'PIL'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
