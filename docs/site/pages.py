"""What the site shows of files outside `docs/`: pages keep the relative links that lead on the code host."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
DOCS = "docs"
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
DECISIONS = "decisions/index.md"
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds every file outside that a page or the README links to, what those link to, and the list of decisions."""
    waiting = [(f"{DOCS}/{file.src_uri}", file.content_string) for file in files.documentation_pages()]
    waiting.append(("README.md", (ROOT / "README.md").read_text(encoding="utf-8")))
    while waiting:
        place, text = waiting.pop()
        for target in _targets(place, text):
            uri = _site_uri(target)
            if target.startswith(f"{DOCS}/") or files.get_file_from_path(uri) is not None:
                continue
            added = _file(target, uri, config)
            files.append(added)
            if uri.endswith(".md"):
                waiting.append((uri, added.content_string))
    files.append(File.generated(config, DECISIONS, content=_decisions()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turns links to places of the repository into links to places of the site."""
    uri = page.file.src_uri
    if uri.startswith("reports/"):
        page.meta["search"] = {"exclude": True}  # tables of trials would drown what people look for
    place = uri if page.file.generated_by else f"{DOCS}/{uri}"

    def there(match: re.Match[str]) -> str:
        target = _target(place, match[2])
        if target is None:
            return match[0]
        to = posixpath.relpath(_site_uri(target), posixpath.dirname(uri) or ".")
        return f"{match[1]}{to}{match[3] or ''}{match[4]}"

    return LINK.sub(there, markdown)


def _targets(place: str, text: str) -> Iterator[str]:
    found = (_target(place, match[2]) for match in LINK.finditer(CODE.sub("", text)))
    yield from (target for target in found if target is not None)


def _target(place: str, link: str) -> str | None:
    """The path in the repository that a link of a file leads to; None for the web, and where nothing is."""
    if "://" in link or link.startswith("mailto:"):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(place), link))
    return target if not target.startswith("..") and (ROOT / target).exists() else None


def _site_uri(target: str) -> str:
    """Where a path of the repository is on the site: `docs/` at the top; folders and studies are pages."""
    if target == "README.md":
        return "index.md"  # the first page says the same, in the site's words
    place = target.removeprefix(f"{DOCS}/")
    if (ROOT / target).is_dir():
        return f"{place}/index.md"
    return f"{place}.md" if target.endswith(".yaml") else place


def _file(target: str, uri: str, config: MkDocsConfig) -> File:
    path = ROOT / target
    if path.is_dir():
        return File.generated(config, uri, content=_listing(target))
    if path.suffix == ".yaml":
        text = path.read_text(encoding="utf-8")
        return File.generated(config, uri, content=f"# {target}\n\n```yaml\n{text}```\n")
    if uri.endswith(".md"):
        return File.generated(config, uri, content=path.read_text(encoding="utf-8"))
    return File.generated(config, uri, abs_src_path=str(path))


def _listing(folder: str) -> str:
    """A page with the files of a folder; of reports the reports."""
    names = sorted(path.name for path in (ROOT / folder).iterdir() if path.suffix in (".yaml", ".md") or path.is_dir())
    leads = {name: f"{name}/report.md" if (ROOT / folder / name / "report.md").is_file() else name for name in names}
    return "\n".join([f"# {folder}", "", *(f"- [{name}]({leads[name]})" for name in names), ""])


def _decisions() -> str:
    """A page with the title of every decision."""
    pages = sorted((ROOT / DOCS / DECISIONS).parent.glob("[0-9]*.md"))
    heads = {path.name: path.read_text(encoding="utf-8").partition("\n")[0] for path in pages}
    lines = [f"- [{head.removeprefix('# ')}]({name})" for name, head in heads.items()]
    return "\n".join(["# Decisions", "", "What was decided, against what, and why.", "", *lines, ""])
