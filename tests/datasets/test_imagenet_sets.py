"""Test sets beside ImageNet's own: which answers they accept, and that the right outputs are looked at."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from given_files import whole
from imagenet_files import jpeg, official_files, write, write_folder
from torch import Tensor, nn

from harness.collectors.accuracy import Accuracy
from harness.datasets.base import Data, Part, datasets
from harness.datasets.synsets import outputs_of, shipped_real_labels, synsets
from harness.errors import DataError, SpecError
from harness.records import Measurement
from harness.schema import Options
from harness.tasks.base import Batch
from harness.tasks.classification import Classification
from harness.tasks.images import ImageInput

CORRUPTED: Options = {"name": "c", "corruptions": ["gaussian_noise", "fog"], "severities": [1, 3]}
LABELS = [[0, 9], [], [9], [207, 1], [999], [5], [1], [9], [], [999, 0], [0], [1], [], [207], [3, 999]]


@cache
def network() -> nn.Module:
    """A small timm network of 1,000 outputs with random weights."""
    import timm

    torch.manual_seed(0)
    net: Any = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, embed_dim=48, depth=2, num_heads=3, num_classes=1000
    )
    nn.init.normal_(net.head.weight, std=0.5)  # else all images get nearly the same outputs
    net.eval()
    built: nn.Module = net
    return built


def config() -> ImageInput:
    return Classification().input_config(network())


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, Path]:
    """ImageNet and every test set beside it, ten to fifteen images each."""
    write_folder(tmp_path / "imagenet", official_files())
    write(tmp_path / "real" / "real.json", json.dumps(LABELS).encode())
    for number in range(12):
        write(tmp_path / "v2" / str((0, 2, 10, 207, 999)[number % 5]) / f"{number}.jpeg", jpeg(2000 + number))
        write(tmp_path / "sketch" / synsets()[number % 3 * 400] / f"{number}.JPEG", jpeg(3000 + number))
        for letter in ("a", "r"):
            synset = synsets("imagenet_a" if letter == "a" else "imagenet_r")[number * 16]
            write(tmp_path / letter / synset / f"{number}.jpg", jpeg(4000 + 100 * ord(letter) + number))
        for corruption in ("gaussian_noise", "fog"):
            for severity in (1, 3):
                home = tmp_path / "c" / corruption / str(severity) / synsets()[number]
                write(home / f"ILSVRC2012_val_{number + 1:08d}.JPEG", jpeg(5000 + number + severity, (224, 224)))
    names = {f"imagenet_{name}": tmp_path / name for name in ("real", "v2", "a", "r", "sketch", "c")}
    return {"imagenet": tmp_path / "imagenet", **names}


def loaded(paths: dict[str, Path], *test_sets: Any, **options: Any) -> Data:
    splits: Options = {"calibration": 5, "validation": 6}
    made = datasets.create({"name": "imagenet", "splits": splits, **options, "test_sets": list(test_sets)})
    return made.load(paths, config())


def outputs_for(part: Part, size: int = 4) -> Tensor:
    """All 1,000 outputs (n, 1000)."""
    with torch.inference_mode():
        return torch.cat([network()(batch.inputs) for batch in part.batches(size)])


def measured(part: Part, size: int = 4) -> dict[str, Measurement]:
    """What the accuracy collector says, with the outputs selected that the part asks for."""
    tally = Accuracy().tally("test:x", Classification(), part.info.sha256)
    with torch.inference_mode():
        for batch in part.batches(size):
            outputs = network()(batch.inputs)
            tally.update(outputs if part.outputs is None else outputs[:, list(part.outputs)], batch)
    return {one.metric: one for one in tally.finish()[0]}


def test_every_set_is_a_part_of_its_own(paths: dict[str, Path]) -> None:
    data = loaded(paths, "real", "v2", "a", "r", "sketch", CORRUPTED)
    names = ("real", "v2", "a", "r", "sketch", "c_gaussian_noise_1", "c_gaussian_noise_3", "c_fog_1", "c_fog_3")
    assert data.description.test_sets == names
    assert tuple(data.parts)[4:] == tuple(f"test:{name}" for name in names)
    assert {name: len(data.parts[f"test:{name}"]) for name in names} == dict.fromkeys(names, 12)


def write_telling_labels(paths: dict[str, Path]) -> dict[str, list[int]]:
    """Labels by file name that the network gives the ranks 0 to 7 in turn, so that some count and some don't."""
    files = sorted((paths["imagenet"] / "val").glob("*/*.JPEG"))
    ranked = outputs_for(loaded(paths).parts["test"]).argsort(dim=1, descending=True).tolist()
    labels: dict[str, list[int]] = {}
    for number, (path, row) in enumerate(zip(files, ranked, strict=True)):
        labels[path.name] = [row[number % 8], row[500 + number]][:: -1 if number % 2 else 1] if number % 5 else []
    (paths["imagenet_real"] / "real.json").write_text(json.dumps([labels[name] for name in sorted(labels)]))
    return labels


def test_real_counts_any_accepted_label_and_leaves_out_images_without_one(paths: dict[str, Path]) -> None:
    labels = write_telling_labels(paths)
    data = loaded(paths, "real")
    accepted = [labels[path.name] for path in sorted((paths["imagenet"] / "val").glob("*/*.JPEG"))]
    outputs = outputs_for(data.parts["test"]).tolist()
    for metric, top in (("top1", 1), ("top5", 5)):
        hits = []
        for row, right in zip(outputs, accepted, strict=True):
            ranked = sorted(range(1000), key=lambda index, row=row: (-row[index], index))  # type: ignore[misc]  # bound now
            hits += [bool(set(ranked[:top]) & set(right))] if right else []
        found = measured(data.parts["test:real"])[metric]
        assert 0 < sum(hits) < 12
        assert found.details == {"correct": sum(hits), "items": 12}
        assert found.value == sum(hits) / 12


def test_real_agrees_with_timms_own_count(paths: dict[str, Path]) -> None:
    from timm.data.real_labels import RealLabelsImagenet

    write_telling_labels(paths)
    files = [path.name for path in sorted((paths["imagenet"] / "val").glob("*/*.JPEG"))]
    untyped: Any = RealLabelsImagenet
    counted = untyped(files, real_json=str(paths["imagenet_real"] / "real.json"), topk=(1, 5))
    data = loaded(paths, "real")
    counted.add_result(outputs_for(data.parts["test"]))
    found = measured(data.parts["test:real"])
    for metric, top in (("top1", 1), ("top5", 5)):
        value = found[metric].value
        assert value
        assert 100 * value == pytest.approx(counted.get_accuracy(top), abs=1e-9)


def test_real_labels_the_images_of_the_test_part_alone(paths: dict[str, Path]) -> None:
    splits = {"validation": 6, "calibration": {"from": "test", "items": 6}}
    data = loaded(paths, "real", splits=splits)
    held = {row.numpy().tobytes() for row in whole(data.parts["test"]).inputs}
    asked = [row.numpy().tobytes() for row in whole(data.parts["test:real"]).inputs]
    assert len(asked) < 9
    assert set(asked) <= held


def test_real_labels_come_with_timm_where_the_site_names_no_file(paths: dict[str, Path]) -> None:
    del paths["imagenet_real"]
    batch = next(loaded(paths, "real").parts["test:real"].batches(50))
    labels = shipped_real_labels()
    assert len(labels) == 50_000
    assert sum(not one for one in labels) == 3163
    numbers = sorted((1 + n for n in range(15) if labels[n]), key=lambda n: ((n - 1) % 5, n))
    assert batch.accepted is not None
    assert [sorted(row.nonzero().flatten().tolist()) for row in batch.accepted] == [
        sorted(labels[number - 1]) for number in numbers
    ]


def test_fingerprint_of_real_holds_the_labels(paths: dict[str, Path]) -> None:
    before = loaded(paths, "real").parts["test:real"].info
    changed = [*LABELS[:5], [6], *LABELS[6:]]
    (paths["imagenet_real"] / "real.json").write_text(json.dumps(changed))
    after = loaded(paths, "real").parts["test:real"].info
    assert before.items == after.items
    assert before.sha256 != after.sha256


def test_v2_folders_are_class_indices_in_numeric_order(paths: dict[str, Path]) -> None:
    part = loaded(paths, "v2").parts["test:v2"]
    folders = sorted((int(path.parent.name), int(path.stem)) for path in paths["imagenet_v2"].glob("*/*"))
    assert whole(part).targets.tolist() == [folder for folder, _ in folders]
    assert part.outputs is None


def test_v2_may_also_be_called_by_synset_ids(paths: dict[str, Path]) -> None:
    before = loaded(paths, "v2").parts["test:v2"].info
    for folder in list(paths["imagenet_v2"].iterdir()):
        folder.rename(folder.with_name(synsets()[int(folder.name)]))
    assert loaded(paths, "v2").parts["test:v2"].info == before


@pytest.mark.parametrize("name", ["a", "r"])
def test_answers_are_looked_for_among_the_two_hundred_classes(name: str, paths: dict[str, Path]) -> None:
    allowed = [synsets().index(synset) for synset in synsets("imagenet_a" if name == "a" else "imagenet_r")]
    before = loaded(paths, name).parts[f"test:{name}"]
    for number, path in enumerate(sorted(paths[f"imagenet_{name}"].glob("*/*"))):
        # Into the folder of the class that the network puts at a rank of 0 to 7 among the allowed ones.
        row = outputs_for(before)[number]
        told = sorted(allowed, key=lambda index, row=row: -float(row[index]))[number % 8]  # type: ignore[misc]  # bound now
        write(path.parent.with_name(synsets()[told]) / f"told_{path.name}", path.read_bytes())
    for path in paths[f"imagenet_{name}"].glob("*/[0-9]*"):
        path.unlink()
    part = loaded(paths, name).parts[f"test:{name}"]
    files = sorted(paths[f"imagenet_{name}"].glob("*/*"))
    right = [synsets().index(path.parent.name) for path in files]
    for metric, top in (("top1", 1), ("top5", 5)):
        hits = 0
        for row, label in zip(outputs_for(part).tolist(), right, strict=True):
            ranked = sorted(allowed, key=lambda index, row=row: -row[index])  # type: ignore[misc]  # bound now
            hits += label in ranked[:top]
        assert 0 < hits < 12
        assert measured(part)[metric].details == {"correct": hits, "items": 12}
    assert part.outputs == tuple(allowed)
    assert part.info.transform.endswith(", answer among 200 outputs")


def test_subsets_are_the_published_ones() -> None:
    assert len(set(outputs_of("imagenet_a"))) == len(set(outputs_of("imagenet_r"))) == 200
    assert outputs_of("imagenet_a")[:3] == (6, 11, 13)  # stingray, goldfinch, junco


def test_corrupted_images_are_fed_as_published_where_224_fits(paths: dict[str, Path]) -> None:
    fitting = ImageInput((3, 224, 224), (0.5,) * 3, (0.25,) * 3, "bicubic", 0.9, "center")
    made = datasets.create({"name": "imagenet", "test_sets": [CORRUPTED]})
    part = made.load(paths, fitting).parts["test:c_fog_3"]
    from PIL import Image

    files = sorted((paths["imagenet_c"] / "fog" / "3").glob("*/*"))
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files]).transpose(0, 3, 1, 2)
    expected = (torch.from_numpy(pixels).float() / 255 - 0.5) / 0.25
    assert torch.equal(whole(part).inputs, expected)
    assert part.info.transform == (
        "RGB (Pillow), 224x224 as published, no resize, no crop, uint8/255, mean 0.5 0.5 0.5 std 0.25 0.25 0.25"
    )


def test_corrupted_images_are_resized_whole_for_another_network(paths: dict[str, Path]) -> None:
    part = loaded(paths, CORRUPTED).parts["test:c_fog_3"]
    assert part.info.transform.startswith(
        "RGB (Pillow), 224x224 as published, resize both edges to 32x32 bicubic antialiased (Pillow), "
    )


def test_no_test_set_is_listed_before_it_is_asked_for(paths: dict[str, Path]) -> None:
    data = loaded(paths, "v2", "sketch")
    for path in (paths["imagenet_v2"]).rglob("*.jpeg"):
        path.unlink()
    assert list(data.parts)[4:] == ["test:v2", "test:sketch"]
    assert len(data.parts["test:sketch"]) == 12


def test_evaluation_twice_gives_the_same_bits_whatever_the_batch(paths: dict[str, Path]) -> None:
    data = loaded(paths, "real", "a")
    for name in ("test", "test:real", "test:a"):
        assert torch.equal(outputs_for(data.parts[name]), outputs_for(data.parts[name]))
        assert measured(data.parts[name], 3) == measured(data.parts[name], 50)


def refused(paths: dict[str, Path], *test_sets: Any, **options: Any) -> str:
    made = datasets.create({"name": "imagenet", **options, "test_sets": list(test_sets)})
    with pytest.raises(DataError) as caught:
        made.describe(paths)
    return str(caught.value)


def test_every_absent_folder_is_told_before_anything_runs(paths: dict[str, Path]) -> None:
    del paths["imagenet_v2"]
    paths["imagenet_a"] /= "nowhere"
    chosen = {"name": "c", "corruptions": ["snow"], "severities": [2]}
    assert refused(paths, "v2", "a", "r", chosen).splitlines() == [
        "imagenet_v2: no folder is known; say it in the site file: paths: {imagenet_v2: DIR}; "
        "it holds folders 0 to 999, class indices, or synset ids",
        "imagenet_a: the folder that the site file names (paths: {imagenet_a: DIR}) is not there; "
        "it holds the 200 synset ids of ImageNet-A as folders",
        "imagenet_c: snow/2: no such folder; "
        "it holds CORRUPTION/SEVERITY/SYNSET folders, as gaussian_noise/3/n01440764",
    ]


def test_a_class_outside_the_two_hundred_is_refused(paths: dict[str, Path]) -> None:
    write(paths["imagenet_a"] / synsets()[0] / "x.jpg", jpeg(1))
    assert refused(paths, "a") == (
        "imagenet_a: holds 1 classes that are not of the 200 of imagenet_a: 'n01440764'; "
        "would be right: synset ids as n01498041"
    )


def test_indices_are_no_classes_of_sketch(paths: dict[str, Path]) -> None:
    write(paths["imagenet_sketch"] / "7" / "x.jpg", jpeg(1))
    assert "imagenet_sketch: holds 1 classes that are not of ImageNet-1k: '7'" in refused(paths, "sketch")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "cannot be read as JSON (JSONDecodeError)"),
        ("{}", "must be a list of lists, the accepted class indices of each validation image"),
        ("[[1000]]", "holds labels that are no class indices; must be 0 to 999"),
        ("[[true]]", "holds labels that are no class indices; must be 0 to 999"),
    ],
)
def test_real_labels_that_are_none_are_refused(content: str, sentence: str, paths: dict[str, Path]) -> None:
    (paths["imagenet_real"] / "real.json").write_text(content)
    assert refused(paths, "real") == f"imagenet_real: real.json: {sentence}"


def test_images_without_official_names_have_no_real_labels(paths: dict[str, Path]) -> None:
    path = next((paths["imagenet"] / "val").rglob("*.JPEG"))
    path.rename(path.with_name("cat.JPEG"))
    part = loaded(paths, "real").parts["test:real"]
    with pytest.raises(DataError, match="1 of the 15 validation images have no official name"):
        _ = part.info


def test_calibration_on_images_whose_corrupted_copies_are_tested_on_is_refused(paths: dict[str, Path]) -> None:
    splits = {"calibration": {"from": "test", "items": 3}}
    assert refused(paths, CORRUPTED, splits=splits) == (
        "splits: imagenet data: calibration would be of the validation images, whose corrupted copies are ImageNet-C; "
        "take them from train, or leave c out"
    )


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ("w", "unknown test set 'w'"),
        ({"name": "c", "corruptions": ["rain"]}, "unknown corruption 'rain'"),
        ({"name": "c", "severities": [6]}, "less than or equal to 5"),
        ({"name": "a", "severities": [1]}, "a takes no options; corruptions and severities are of c"),
        ({"name": "c", "severities": [2, 2]}, "stands there twice: c_brightness_2"),
    ],
)
def test_choices_that_do_not_exist_are_refused(chosen: Any, sentence: str) -> None:
    with pytest.raises(SpecError) as caught:
        datasets.create({"name": "imagenet", "test_sets": [chosen]}, "data")
    assert "data.test_sets" in str(caught.value)
    assert sentence in str(caught.value)


def test_a_set_given_twice_is_refused() -> None:
    with pytest.raises(SpecError, match="a test set stands there twice: real"):
        datasets.create({"name": "imagenet", "test_sets": ["real", "real"]}, "data")


def test_the_whole_of_c_is_seventy_five_sets_and_identity_makes_it_again() -> None:
    made: Any = datasets.create({"name": "imagenet", "test_sets": ["c", "v2"]})
    assert made.identity() == {"name": "imagenet", "test_sets": ["c", "v2"]}
    some = datasets.create({"name": "imagenet", "test_sets": [CORRUPTED]})
    assert some.identity()["test_sets"] == [CORRUPTED]
    assert datasets.create(some.identity()) == some


def test_items_left_out_by_the_data_are_not_in_its_batches(paths: dict[str, Path]) -> None:
    batches: list[Batch] = list(loaded(paths, "real").parts["test:real"].batches(5))
    assert [len(batch) for batch in batches] == [5, 5, 2]
    assert all(batch.accepted is not None and bool(batch.accepted.any(dim=1).all()) for batch in batches)
