"""The rules, one module per area."""
