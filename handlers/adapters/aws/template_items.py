"""The table of templates: an item for each template on each channel, which says what a listing of S3 would.

Its key, `folder`, is the prefix of the template's objects. Its attributes:

- `languages`: the languages in which it is stored, each with the ETag of its current version; there only while they are
  certain to be as S3 has them;
- `writers`: who is about to store a version, each as `<time> <uuid>`;
- `revision`: a count that every change of the two others moves.
"""

from collections.abc import Mapping
from typing import Any

from handlers.adapters.aws.dynamo import Item, plain, typed


def template_key(folder: str) -> Item:
    """Return the key of a template on a channel."""
    return typed({"folder": folder})


def folder_of(item: Mapping[str, Any]) -> str:
    """Return the folder that this item belongs to."""
    folder: str = item["folder"]["S"]
    return folder


def languages_of(item: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the languages with their ETags; None when only S3 can tell."""
    return plain({name: item[name] for name in ("languages",) if name in item}).get("languages")
