"""The API: its routes, its own answers and its logs."""
