"""Keys, roles, statements and secrets."""
