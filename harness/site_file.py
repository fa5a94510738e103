"""A site file without a study: the one that is named, or the user's own."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from harness.errors import SpecError
from harness.schema import problems_of
from harness.site import Site
from harness.study_file import placed, read_yaml, users_site


def read_site(file: Path | None) -> Site:
    """Where things run, with its paths absolute; raises SpecError with every problem of the file."""
    found = file or users_site()
    if file is None and not found.is_file():
        return Site()
    try:
        site = Site.model_validate(read_yaml(found))
    except ValidationError as error:
        raise SpecError(problem.in_file(found) for problem in problems_of(error, Site)) from None
    return site.model_copy(update={"paths": placed(site.paths, found.parent)})
