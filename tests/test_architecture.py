"""Imports point down, nothing heavy is loaded where nothing heavy is needed, and files keep to their size."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_studies import STUDIES, called, environment

HOME = Path(__file__).parent.parent / "harness"

# From the ground up. A module, or every module of a folder, imports from the lines before its own only.
FLOORS = (
    (
        "errors",
        "wording",
        "meters",
        "cpu_time",
        "kernel_files",
        "heap",
        "own_code",
        "privacy",
        "anonymity",
        "whole_file",
        "bulk",
        "rendering",
    ),
    ("schema", "topology", "containers", "memory_kills", "cards"),
    ("slurm_options",),
    ("registry", "process_mark", "network_size", "kinds", "bounds"),
    ("records", "recipes", "runtimes", "assurance"),
    ("resources", "retries", "briefs", "upgrades", "distributions"),
    ("index_file", "spec", "site", "record_file"),
    ("trials", "study_file", "grid", "jobs", "packs", "record_lines"),
    ("stats", "fairness", "published", "tabular", "sources"),
    ("store", "rankings", "resampling", "leases", "failures", "runs", "equivalence", "site_file", "board"),
    ("results", "roots", "turns", "packing", "shared_failures", "snapshots", "repetition"),
    ("sides",),
    ("nvml", "host_memory", "operators", "watch", "rapl"),
    ("counting", "gpu_state", "gpu_energy", "device_queue"),
    ("device", "hardware"),
    ("environment", "machine"),
    ("tasks", "families", "architectures", "pretrained"),
    ("models", "datasets", "artifacts", "numerics", "caches"),
    ("stand_ins", "streams", "gathering", "staging", "hidden", "top_k", "zero_skipping"),
    ("inventory", "surgery", "shards"),
    ("prefixes", "proof", "merging", "decoder_folder"),
    ("training",),
    ("criteria", "recoveries", "transforms"),
    ("searches", "collectors", "executors", "export", "formats"),
    ("stability", "plugins", "notebook", "questions", "live", "past_runs"),
    ("entries", "activity", "answering", "following", "clearing"),
    ("model_checks",),
    ("checks", "points"),
    ("drafts", "sharing"),
    ("plan",),
    ("stages", "pending", "layouts", "editor", "doctor", "tables", "lint", "regressions"),
    ("run_trial", "layout_page", "compare", "plots", "exports", "ledger", "place", "presence"),
    ("child", "children", "estimates", "routes", "sizing"),
    ("follower", "submission"),
    ("launch", "worker", "preload", "report"),
    ("tabulation", "reproducible", "history", "verification", "recomputing", "archive"),
    ("reproduction", "fetching"),
    ("cli",),
    ("reference",),
    ("__main__",),
)
GROUND = 12  # floors that the read half may stand on
ABOVE = {"cli", "reference", "__main__"}  # they stand on both halves
READ_HALF = {
    "tables", "lint", "regressions", "compare", "plots", "exports", "ledger", "report", "history", "verification",
    "archive",
}  # fmt: skip
FLOOR_OF = {name: number for number, names in enumerate(FLOORS) for name in names}


def _modules() -> dict[str, ast.Module]:
    paths = sorted(HOME.rglob("*.py"))
    return {_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def _name(path: Path) -> str:
    parts = path.relative_to(HOME).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = _modules()


def _imported(tree: ast.Module) -> Iterator[str]:
    """Modules of harness that are imported anywhere in a module, for types or inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in found:
            if name.partition(".")[0] == "harness":
                inner = name.partition(".")[2]
                yield inner if inner in MODULES else inner.rpartition(".")[0]


def _unit(module: str) -> str:
    return module.partition(".")[0] or "__main__"  # the package itself is what users import: it stands on top


def _pairs() -> list[tuple[str, str]]:
    found = [(module, other) for module, tree in MODULES.items() for other in _imported(tree)]
    return [(module, other) for module, other in found if other and other != module]


def test_every_module_has_a_floor() -> None:
    assert {_unit(module) for module in MODULES if module} <= set(FLOOR_OF)


def test_imports_point_down() -> None:
    between = [(a, b) for a, b in _pairs() if _unit(a) != _unit(b)]
    assert [f"{a} imports {b}" for a, b in between if FLOOR_OF[_unit(b)] >= FLOOR_OF[_unit(a)]] == []


def test_the_two_halves_meet_only_in_what_is_shared() -> None:
    crossing = []
    for a, b in _pairs():
        if _unit(a) in READ_HALF:
            crosses = _unit(b) not in READ_HALF and FLOOR_OF[_unit(b)] >= GROUND
        else:
            crosses = _unit(b) in READ_HALF and _unit(a) not in ABOVE
        crossing += [f"{a} imports {b}"] if crosses else []
    assert crossing == []


def test_no_two_modules_need_each_other() -> None:
    needs: dict[str, set[str]] = {module: set() for module in MODULES}
    for a, b in _pairs():
        needs[a].add(b)
    left = dict(needs)
    while free := [module for module, others in left.items() if not others & left.keys()]:
        for module in free:
            del left[module]
    assert left == {}


def test_nothing_outside_the_command_line_prints_or_exits() -> None:
    calls = re.compile(r"^\s*(print\(|sys\.exit\(|typer\.)", re.MULTILINE)
    found = [m for m in MODULES if m and _unit(m) not in ("cli", "__main__", "worker") and calls.search(_text(m))]
    assert found == []


def _text(module: str) -> str:
    base = HOME.joinpath(*module.split("."))
    path = base.with_suffix(".py")
    return (path if path.is_file() else base / "__init__.py").read_text(encoding="utf-8")


def test_no_module_is_longer_than_three_hundred_lines() -> None:
    assert [m for m in MODULES if m and len(_text(m).splitlines()) > 300] == []


def test_every_module_says_its_job_in_one_line() -> None:
    summaries = {module: (ast.get_docstring(tree) or "").partition("\n")[0] for module, tree in MODULES.items()}
    assert [module for module, line in summaries.items() if not line.endswith(".") and not line.endswith("?")] == []


def test_there_is_no_room_for_leftovers() -> None:
    assert {"utils", "common", "helpers", "misc"} & {part for m in MODULES for part in m.split(".")} == set()


def test_no_test_for_an_assertion_stands_in_the_code() -> None:
    found = [m for m, tree in MODULES.items() if any(isinstance(node, ast.Assert) for node in ast.walk(tree))]
    assert found == []


def test_only_tasks_data_sets_and_collectors_know_what_an_image_is() -> None:
    knows = re.compile(r"\b(images?|pixels?)\b", re.IGNORECASE)
    allowed = {"records", "families", "tasks", "datasets", "collectors"}  # records and families name what they hold
    allowed |= {"containers", "architectures"}  # theirs is another thing; titles of papers
    run_half = [m for m in MODULES if m and _unit(m) not in allowed | READ_HALF]
    assert [m for m in run_half if knows.search(_text(m))] == []


def _loaded_after(code: str, folder: Path) -> set[str]:
    watched = "('torch', 'timm', 'torchvision', 'transformers', 'pydantic', 'typer', 'sklearn')"
    script = f"import sys\n{code}\nprint('loaded', *(name for name in {watched} if name in sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, env=environment(folder), capture_output=True, text=True, check=True
    )
    return set(result.stdout.splitlines()[-1].split()[1:])


def test_importing_harness_loads_nothing(tmp_path: Path) -> None:
    assert _loaded_after("import harness", tmp_path) == set()


def test_the_read_half_needs_no_torch(tmp_path: Path) -> None:
    modules = "report, harness.cli.history, harness.history.page, harness.cli.verify, harness.cli.archive"
    assert not {"torch", "timm", "torchvision"} & _loaded_after(f"import harness.{modules}", tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the inventory of the smoke study is kept."""
    folder = tmp_path_factory.mktemp("kept")
    assert called(folder, "validate", STUDIES / "smoke.yaml").returncode == 0
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["run", "--help"],
        ["plan", str(STUDIES / "smoke.yaml")],
        ["validate", str(STUDIES / "smoke.yaml")],
        ["list", "criteria"],
        ["list", "datasets"],
        ["schema"],
        ["report", "absent"],
        ["compare", "absent", "absent"],
        ["check", "absent", "--against", "absent"],
    ],
    ids=lambda words: " ".join(Path(word).name for word in words),
)
def test_a_command_that_only_reads_loads_no_torch(kept: Path, words: list[str]) -> None:
    loaded = _loaded_after(f"from harness.cli import main\nsys.argv = ['harness', *{words!r}]\nmain()", kept)
    assert not {"torch", "timm", "torchvision"} & loaded
    if words == ["--help"]:
        assert "pydantic" not in loaded
