"""The supply chain's checks: what each of them refuses."""

from importlib.metadata import Distribution, distributions
from typing import Any

import pytest

from local import audit
from local.paths import ROOT


class Package(Distribution):
    """A distribution that has metadata alone."""

    def __init__(self, **told: str) -> None:
        self._told = told

    def read_text(self, filename: str) -> str | None:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in self._told.items()]
        return "\n".join(["Metadata-Version: 2.1", *lines]) if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        raise AssertionError(path)


def test_every_lock_has_a_hash_of_every_file() -> None:
    assert audit.unhashed_of_uv((ROOT / "uv.lock").read_text()) == []
    assert [each for lock in audit.LOCKS for each in audit.unhashed(lock.read_text())] == []


def test_a_package_without_a_hash_is_named() -> None:
    assert audit.unhashed("a==1 \\\n    --hash=sha256:00\nb==2\nc>=1 --hash=sha256:00\n# d\n") == ["b==2", "c>=1"]
    lock = '[[package]]\nname = "a"\nsource = { registry = "r" }\nwheels = [{ url = "u" }]\n'
    assert len(audit.unhashed_of_uv(lock)) == 1
    assert len(audit.unhashed_of_uv(lock.replace("wheels", "files"))) == 1


def test_every_licence_that_is_installed_is_taken() -> None:
    assert audit.refused_licences(distributions()) == []


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ({"License_Expression": "MIT"}, True),
        ({"License_Expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}, True),
        ({"License_Expression": "GPL-3.0-only OR MIT"}, True),
        ({"License_Expression": "MIT AND GPL-3.0-only"}, False),
        ({"License": "GPLv3"}, False),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, True),
        ({"Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"}, False),
        ({}, False),
    ],
)
def test_a_licence_is_taken_or_not(told: dict[str, str], taken: bool) -> None:
    assert (audit.refused_licences([Package(Name="some", **told)]) == []) is taken


BAD = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]}
GOOD = {"name": "b", "version": "1", "vulns": []}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "required", "code"),
    [
        ([GOOD], False, 0),
        ([GOOD, BAD], False, 1),
        ([GOOD, SKIPPED], False, 1),
        ([SKIPPED], False, 0),
        ([SKIPPED], True, 1),
    ],
)
def test_an_advisory_fails_and_what_nobody_knows_never_passes_silently(
    packages: list[dict[str, Any]], required: bool, code: int
) -> None:
    assert audit.exit_code(audit.judge({"dependencies": packages}), required=required) == code
