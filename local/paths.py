"""Where the platform keeps things: one hidden directory in the checkout, and one directory per platform that runs."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The checkout."""

CACHE = ROOT / ".carillon"
"""What may be deleted at any time and is made again: environments, builds, and the state of `make up`."""
