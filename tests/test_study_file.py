"""Reading a study and a site file: every bad input is one clear sentence, and nothing else ever comes out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from golden_files import assert_golden
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_studies import small, written

from harness.errors import DataError, HarnessError, SpecError, UnknownNameError
from harness.plan import Plan, make_plan
from harness.study_file import load_study, read_yaml

BROKEN = """\
study: Broken Study
sed: 3
data: {name: digts}
models:
  - {name: "../m", architecture: deit_tiny_patch16_224, weigths: random}
  - {name: a, architecture: deit_tiny_patch16_224, weights: {train: {epoch: 3, lr: -1}}}
  - {name: a, architecture: deit_tiny_patch16_224, weights: {file: nowhere.safetensors}}
  - {name: b, architecture: deit_tiny_patch16_224, weights: {train: {epochs: 3, steps: 3}}}
  - {name: c, architecture: deit_tiny_patch16_224, weights: frozen}
criteria:
  - entrpy
  - {name: random, drws: 3}
  - {nme: last}
  - {name: similarity, search: gredy}
  - {name: last, draws: 2}
targets: [attn]
counts: [0, one]
seeds: [0, -1]
recoveries: [{name: finetune, epochs: 0}]
collectors: [accuracy, {name: latency, batch: 0}]
costs: sometimes
zip: [[models, modls]]
exclude: [{criterio: entropy}]
report: {contras: [a, b]}
limits: {trials: 0}
device: gpu
executor: slrm
"""


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no-settings"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder in which inventories stay between tests."""
    return tmp_path_factory.mktemp("kept")


def planned(path: Path, kept: Path, *overrides: str) -> Plan:
    return make_plan(load_study(path, overrides), kept)


def sentences(path: Path, kept: Path, *overrides: str) -> list[str]:
    """What is wrong, one sentence a problem, without the name of the file."""
    with pytest.raises(HarnessError) as caught:
        planned(path, kept, *overrides)
    return [str(problem).removeprefix(f"{path}: ") for problem in caught.value.problems]


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("broken.yaml").write_text(BROKEN)
    found = "\n".join(f"broken.yaml: {sentence}" for sentence in sentences(Path("broken.yaml"), kept))
    assert_golden("broken_study.txt", found.replace(f"{tmp_path}/", "") + "\n")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("study=logs/../x", "study: must hold only a-z, 0-9, _ and -, at most 64 of them"),
        ("study=artifacts", "study: 'artifacts' is a folder of its own"),
        ("stdy=1", "stdy: no such field; did you mean 'study'?"),
        ("study=null", "study: input should be a valid string; got None"),
        ("data=digts", "data.name: unknown data set 'digts'; did you mean 'digits'?"),
        ("models=no_such_model", "models.0.architecture: unknown architecture 'no_such_model'"),
        ("models=[]", "models: tuple should have at least 1 item"),
        ("criteria=entrop", "criteria.0.name: unknown criterion 'entrop'; did you mean 'entropy'?"),
        ("criteria={name: entropy, feature: nothing}", "criteria.0.feature: "),
        ("criteria={name: entropy, item: 5}", "criteria.0.item: no such field; did you mean 'items'?"),
        ("criteria={name: last, search: greedy}", "criteria.0.search: 'last' cannot be searched by 'greedy'"),
        ("criteria=[last, last]", "criteria.1: is called 'last' like criteria.0; give one of them another label"),
        ("criteria={name: last, draws: 2}", "criteria.0.draws: 'last' is not random"),
        ("criteria={name: last, for: {models: m}}", "criteria.0.for.models: unknown model 'm'"),
        ("criteria={name: entropy, items: 10000}", "criteria.0.items: asks for 10000 calibration items; the data has"),
        ("counts=[0]", "counts.0: 0 removes nothing: 'tiny' has 3 attention units; 1 to 2"),
        ("counts=[3]", "counts.0: 3 removes everything: "),
        ("counts=[1, 7]", "counts.1: 7 removes more than there is: "),
        ("counts=[1.5]", "counts.0: input should be a valid integer"),
        ("counts=[true]", "counts.0: input should be a valid integer; got True"),
        ("ratios=[0.5]", "needs exactly one of 'counts', 'ratios' and 'budgets'"),
        ("targets=attn", "targets.0: unknown target 'attn'; did you mean 'attention'?"),
        ("removals=[skipp]", "removals.0: input should be 'skip' or 'identity'; got 'skipp'"),
        ("recoveries=finetun", "recoveries.0.name: unknown recovery 'finetun'; did you mean 'finetune'?"),
        ("collectors=[macs, macs]", "collectors.1: measures 'macs' again, as collectors.0 does"),
        ("collectors=[latncy]", "collectors.0.name: unknown collector 'latncy'; did you mean 'latency'?"),
        ("seeds=[-1]", "seeds.0: input should be greater than or equal to 0; got -1"),
        ("seeds=[x]", "seeds.0: input should be a valid integer"),
        ("seeds.mdel=[0]", "seeds.mdel: no such field; did you mean 'model'?"),
        ("zip=[[models, cnts]]", "zip.0: unknown axis 'cnts'; did you mean 'counts'?"),
        ("exclude=[{modl: tiny}]", "exclude.0: unknown axis 'modl'; did you mean 'model'?"),
        ("exclude=[{model: tiny}]", "exclude: leaves no trial at all"),
        ("report.contrast=[last, lst]", "report.contrast.1: unknown criterion 'lst'; did you mean 'last'?"),
        ("limits.trials=0", "limits.trials: input should be greater than or equal to 1; got 0"),
        ("device=gpu", "device: must be auto, cpu, cuda, cuda:N or cuda:N+M, not 'gpu'"),
        ("executor=locl", "executor.name: unknown executor 'locl'; did you mean 'local'?"),
        ("resources.default.timeout_min=0", "resources.default.timeout_min: input should be greater than or equal"),
        ("models.0.weights.train.lr=fast", "models.0.weights.train.lr: input should be a valid number"),
        ("models.0.weights.train.lrr=1", "models.0.weights.train.lrr: no such field; did you mean 'lr'?"),
        ("models.0.weights=frozen", "models.0.weights: must be pretrained, random, {pretrained: TAG}"),
        ("models.0.weights={file: no.safetensors}", "models.0.weights.file: "),
        ("models.0.name=a b", "models.0.name: must start with a letter or digit"),
        ("models.0.name=<b>", "models.0.name: must start with a letter or digit"),
        ("models.0.name=../a", "models.0.name: must start with a letter or digit"),
        ('models.0.name="a\\nb"', "models.0.name: must start with a letter or digit"),
        ("question=2020-01-01", "question: must be text, a finite number, true, false or null, not 2020-01-01"),
        ("models.0.options.depth=.nan", "models.0.options.depth: must be text, a finite number"),
        ("seeds=[0x" + "f" * 5000 + "]", "seeds.0: must be text, a finite number"),
        ('question="\\ud800"', "question: must be text"),
        ('question="\\0"', "question: must be text"),
    ],
)
def test_a_bad_value_is_one_sentence_with_its_path(tmp_path: Path, kept: Path, override: str, expected: str) -> None:
    (found,) = sentences(written(tmp_path, small()), kept, override)
    assert found.startswith(expected)


def test_a_grid_larger_than_meant_is_told_before_it_is_made(tmp_path: Path, kept: Path) -> None:
    many = {"model": list(range(3000)), "selection": list(range(3000)), "recovery": list(range(3000))}
    (found,) = sentences(written(tmp_path, small(seeds=many)), kept)
    assert found == (
        "limits.trials: the grid has 27000000000 trials, more than 10000; raise the limit if that is meant"
    )


def test_entries_keep_their_numbers_when_others_are_broken(tmp_path: Path, kept: Path) -> None:
    found = sentences(written(tmp_path, small(criteria=[{"nme": "last"}, "entrpy"])), kept)
    assert [sentence.partition(":")[0] for sentence in found] == ["criteria.0", "criteria.1.name"]


def test_identity_is_for_attention_only(tmp_path: Path, kept: Path) -> None:
    (found,) = sentences(written(tmp_path, small(targets=["mlp"], removals=["identity"])), kept)
    assert found == "removals.0: 'identity' is defined for attention, not for 'mlp'; exclude that combination"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must be a mapping of keys to values, not an empty file"),
        ("- a", "must be a mapping of keys to values, not a list"),
        ("hello", "must be a mapping of keys to values, not a text"),
        ("study: a\nstudy: b\n", 'line 2: found duplicate key "study"; each key once'),
        ("study: [a\n", "line 2, column 1: not valid YAML: "),
        ("study:\ta\n\tb: c\n", "not valid YAML: "),
        ("1: a\n", "keys must be words, not 1"),
        ("a: !!python/object:os.system x\n", "not valid YAML: "),
        ("a: !!set {x}\n", "must be text"),
        ("a: &a [*a]\n", "too large or too deeply nested for a study file"),
        ("a: " + "[" * 60 + "]" * 60, "too large or too deeply nested for a study file"),
        ("a: " + "[" * 100_000, "nested more than 50 levels deep"),
        ("study: a\n--- \nstudy: b\n", "not valid YAML: "),
    ],
)
def test_a_file_that_is_no_study_is_told_so(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(SpecError, match=r"study\.yaml: ") as caught:
        read_yaml(path)
    assert expected in str(caught.value)


def test_an_alias_bomb_is_refused_in_bounded_time(tmp_path: Path) -> None:
    levels = [f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]" for n in range(12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(["a0: &a0 [x]", *levels]))
    with pytest.raises(SpecError, match="too large"):
        read_yaml(path)


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text("#" * ((1 << 20) + 1))
    with pytest.raises(SpecError, match="larger than"):
        read_yaml(path)


def test_text_of_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"study: caf\xe9\n")
    with pytest.raises(SpecError, match="is not UTF-8 text"):
        read_yaml(path)


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_yaml(tmp_path / name)


def test_scalars_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("a: 1e-4\nb: on\nc: no\nd: 010\ne: 12:30\nf: 1_000\n")
    found = read_yaml(path)
    assert found["a"] == 1e-4
    assert (found["b"], found["c"], found["e"]) == ("on", "no", "12:30")
    assert found["d"] == 10


def test_an_override_reaches_into_lists_and_makes_mappings(tmp_path: Path) -> None:
    path = written(tmp_path, small())
    file = load_study(path, ["models.0.options.depth=4", "seeds=[1, 2]", "limits.trials=7", "counts=2"])
    assert file.study is not None
    assert file.study.models[0].options["depth"] == 4
    assert file.study.seeds.model == (1, 2)
    assert file.study.limits.trials == 7
    assert file.study.counts == (2,)


@pytest.mark.parametrize("override", ["seeds", "=3", "models.5.name=x", "models.²=x", "data.name=x", "counts=[1"])
def test_an_override_that_leads_nowhere_is_told(tmp_path: Path, override: str) -> None:
    with pytest.raises(SpecError, match="--set"):
        load_study(written(tmp_path, small()), [override])


def test_a_site_file_beside_the_study_overrides_the_study(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("device: cpu\nexecutor: local\npaths: {a: data}\n")
    site = load_study(written(tmp_path, small(device="auto", paths={"a": "x", "b": "y"}, workers=2))).site
    assert (site.device, site.executor, site.workers) == ("cpu", {"name": "local"}, 2)
    assert site.paths == {"a": str(tmp_path / "data"), "b": str(tmp_path / "y")}


def test_a_named_site_file_is_taken_instead_and_its_paths_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("device: cuda\n")
    (tmp_path / "sites").mkdir()
    other = tmp_path / "sites" / "other.yaml"
    other.write_text("paths: {a: ../data}\n")
    site = load_study(written(tmp_path, small()), (), other).site
    assert site.device == "auto"
    assert Path(site.paths["a"]).resolve() == tmp_path / "data"


def test_the_users_own_site_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = tmp_path / "settings" / "harness"
    settings.mkdir(parents=True)
    (settings / "site.yaml").write_text("workers: 3\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert load_study(written(tmp_path, small())).site.workers == 3


def test_a_fault_of_a_site_file_is_told_with_those_of_the_study(tmp_path: Path, kept: Path) -> None:
    (tmp_path / "site.yaml").write_text("devise: cpu\n")
    path = written(tmp_path, small(counts=[9]))
    found = sentences(path, kept)
    assert found[0].startswith(f"{tmp_path / 'site.yaml'}: devise: no such field; did you mean 'device'?")
    assert found[1].startswith("counts.0: 9 removes more")


def test_a_path_of_no_user_is_told(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such user"):
        load_study(written(tmp_path, small(paths={"a": "~nobody-of-this-name/x"})))


def test_nothing_is_written_but_inventories(tmp_path: Path) -> None:
    planned(written(tmp_path, small()), tmp_path / "results")
    made = [p.relative_to(tmp_path / "results").parts[:2] for p in (tmp_path / "results").rglob("*") if p.is_file()]
    assert made == [("artifacts", "inventory")]


NAMES = "last random entropy digits tiny attention mlp block none finetune skip macs identity name label greedy models"
WORDS = st.sampled_from([*NAMES.split(), "criterion", "counts", "", "..", "\x01", "<b>", "é", "a" * 300])
SCALARS = WORDS | st.integers(-3, 9) | st.sampled_from([None, True, 0.5, -1.0, 1e18, 2**62])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)
KEYS = ["study", "data", "targets", "criteria", "counts", "ratios", "removals", "recoveries", "seeds", "collectors"]
KEYS += ["costs", "zip", "exclude", "report", "limits", "question", "example", "device", "executor", "resources"]
KEYS += ["paths", "workers", "nonsense"]
PLACES = st.sampled_from([("models", 0, key) for key in ("name", "weights", "data", "label")]) | st.sampled_from(
    [(key,) for key in KEYS]
)


@settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=st.lists(st.tuples(PLACES, VALUES), min_size=1, max_size=3))
@example(changes=[(("seeds",), {"is_joint": True})])
@example(changes=[(("models", 0, "weights"), {"file": "a" * 300})])
@example(changes=[(("models", 0, "weights"), {"train": None})])
def test_whatever_a_study_says_it_is_planned_or_refused_in_words(
    kept: Path, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    study = small()
    study["models"] = [dict(study["models"][0])]
    for place, value in changes:
        holder: Any = study
        for step in place[:-1]:
            holder = holder[step]
        holder[place[-1]] = value
    path = kept / "fuzzed.yaml"
    try:
        written(kept, study, path.name)
        plan = planned(path, kept)
    except (SpecError, UnknownNameError, DataError) as error:
        assert all(str(problem) and len(str(problem)) < 2000 for problem in error.problems)  # noqa: PT017
        return
    for trial in plan.trials:
        assert trial.id.isascii()
        assert not {"/", "\n", "\0", "<"} & set(trial.id)
        assert len(trial.id) < 220
