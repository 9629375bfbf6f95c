"""The site is built strictly: a link that leads nowhere, or a page in no menu, fails it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_site_builds_and_every_link_in_it_leads_somewhere(tmp_path: Path) -> None:
    # Without --quiet: it would hide the warnings that strictness counts.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    rendered = (tmp_path / "api.html").read_text()
    assert all(path in rendered for path in paths)
