"""`linter.md`: every rule of the linter with its source."""

from __future__ import annotations

from harness.lint import RULES
from harness.lint.rules import GROUPS
from harness.lint.sources import EVERY
from harness.reference.prose import page, table

HEAD = """`harness validate STUDY.yaml` says which of the field's reporting rules a study breaks. A warning stops
nothing: a small study may rightly break some, and the report prints all of them, heeded or not, so that its readers
know. `--strict` makes a broken rule exit 2, `--allow RULE` lets one be, `--json` is for scripts.

```text
studies/smoke.yaml: warning: one_seed: one network of tiny on digits
    means and standard deviations over networks, not one measurement (Bouthillier et al. 2021): train several ...
```

A rule reads the plan, so it sees what the grid really holds. Where a study makes no claim that a rule is about, the
rule says nothing; where a plan does not tell (one of an earlier harness, data whose size is known only once loaded),
it says so."""
KEPT = """## What no study can break

Other demands of the same sources are kept by `harness` whatever a study says: the whole network is measured beside
every candidate, under the same recovery, transforms, runtime and seeds; all criteria run in the same code on the same
items; parameters and multiply-adds of what was removed are proved; means stand with their spread, and tests with the
smallest p that they could have reached; top-5 stands beside top-1; parts of the data are disjoint and fingerprinted;
the record names machine, versions and commit."""


def linter() -> str:
    """The whole page."""
    parts = [f"{len(RULES)} rules, by what they are about."]
    for heading, rules in GROUPS.items():
        rows = [(f"`{rule.code}`", rule.demand, rule.remedy, str(rule.source)) for rule in rules]
        parts += [f"## {heading}", table(("rule", "what is demanded", "what satisfies it", "source"), rows)]
    sources = "\n".join(f"- **{source.short}**: {source.full}" for source in EVERY)
    return page("The linter", HEAD, *parts, KEPT, "## Sources", sources)
