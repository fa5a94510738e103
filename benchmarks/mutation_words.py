"""Words, numbers, pieces of YAML and settings that a study file should not hold, or not so."""

from __future__ import annotations

from typing import Any

WORDS = (
    "", " ", "none", "null", "~", "study", "models", "criteria", "entropy", "entrpy", "attention", "mlp", "macs",
    "cpu",
    "..", "../../../etc/passwd", "/dev/zero", "/dev/stdin", "/", "con", "NUL.txt", "a\\b", "a/b", "a:b", "C:\\x",
    "~nobody/x",
    "\0", "\n", "\r", "\t", "\x1b[31m", "\x7f", "\u202e", "\u2028", "\ufeff", "\ud800", "\U0001f600", "e\u0301", "ﬁ",
    "İ",
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "{{ 7 * 7 }}", "${HOME}", "$(id)", "`id`", "'; --",
    "%s%n",
    "\\input{x}", "a" * 300, "a" * 70_000, "é" * 5_000, "-1", "1e3", "0x1f", "1_000", "yes", "2020-01-01", "=cmd()",
)  # fmt: skip
NUMBERS: tuple[float, ...] = (
    0, -1, 1, 2, 3, 7, 100, 1_000, 4_096, 65_536, 10**6, 10**9, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, -(2**63),
    10**30, 10**400,
    0.0, -0.0, 0.1, 0.5, 1.0, 1e-320, 1e18, 1e308, -1e308, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
TOKENS = (
    "!!python/object/apply:os.system ['touch owned']", "!!python/name:os.system", "!!python/object/new:type [x]",
    "!!python/module:os", "!<tag:yaml.org,2002:python/object:os> {}", "!!binary aGVsbG8=", "!!set {a, b}",
    "!!omap [a: 1]",
    "!!timestamp 2020-01-01", "!!float abc", "!!int abc", "!!bool abc", "!!null x", "!unknown x", "!!str 1",
    "!!map []",
    "&a [*a]", "*a", "*none", "&a x", "<<: *a", "{<<: [{a: 1}]}", "<<: 1", "? [a, b]", "? {a: 1}", "| \n  x",
    ">- \n  x",
    ".nan", "-.inf", ".inf", "1e999", "-1e999", "9" * 5_000, "0x" + "f" * 5_000, "0o777", "1_0", "+1", "1.",
    "1:30:00",
    "'", '"', '"\\x00"', '"\\ud800"', '"\\U0001F600"', '"\\u202e"', "[", "]", "{", "}", "[" * 60, "{a: " * 60,
    "[" * 5_000,
    "- " * 200, "? " * 200, "a: " * 50, "# x", "%YAML 1.1", "---", "...", "--- !!map", "\t", "@x", "`x`", "%x", "!",
    "&", "*", "|", ">",
)  # fmt: skip
ODD: tuple[Any, ...] = (
    None, True, False, [], {}, [[]], [{}], {"name": "last"}, {"name": None}, [1, "a", None], {"": 1},
    {"a": {"b": {}}}, [[1], [2]],
)  # fmt: skip
KEYS = (
    "study", "question", "example", "plugins", "data", "models", "targets", "criteria", "counts", "ratios", "budgets",
    "removals", "recoveries", "transforms", "runtimes", "seeds", "collectors", "costs", "noise", "stability",
    "optimum",
    "references", "zip", "exclude", "report", "limits", "device", "executor", "resources", "retries", "paths",
    "workers",
    "name", "label", "options", "weights", "architecture", "depth", "embed_dim", "img_size", "patch_size",
    "num_heads",
    "mlp_ratio", "num_classes", "in_chans", "drop_path_rate", "file", "sha256", "train", "epochs", "steps", "batch",
    "lr",
    "search", "draws", "for", "from", "trials", "remeasure", "is_joint", "__class__", "<<", "",
)  # fmt: skip
SETTINGS: tuple[dict[str, Any], ...] = (
    {"plugins": ["/dev/zero"]}, {"plugins": ["."]}, {"plugins": "nowhere.py"}, {"paths": {"digits": "/dev"}},
    {"data": {"name": "folder", "label": "x"}}, {"data": {"name": "npz", "label": "x"}, "paths": {"x": "/proc/self"}},
    {"data": {"name": "synthetic", "items": 10**12}}, {"data": {"name": "synthetic", "classes": 10**9}},
    {"budgets": {"macs": [0.1, 0.2]}}, {"optimum": {"up_to": 5}}, {"stability": {"subsets": 3}}, {"zip": [["models",
    "seeds"]]},
    {"exclude": [{"criterion": "last"}]}, {"executor": {"name": "slurm", "python": "x; y"}},
    {"seeds": [*range(3_000)]},
    {"seeds": {"model": [*range(500)], "selection": [*range(500)], "recovery": [*range(500)]}},
    {"counts": [*range(5_000)]},
    {"transforms": ["none", {"name": "tome", "r": 4}]}, {"runtimes": [{"dtype": "bf16"}, {"threads": 10**6}]},
    {"references": [{"published": "lambda_vit"}]}, {"limits": {"trials": 10**18}}, {"criteria": [{"name": "random",
    "draws": 1_000}]},
)  # fmt: skip
