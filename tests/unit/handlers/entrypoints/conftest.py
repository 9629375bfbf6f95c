"""Entrypoints read their settings and create their clients when they are imported, as in Lambda; nothing is called."""

import tests.unit.handlers.entrypoints.environment  # noqa: F401 - for what it sets
