"""Tables and templates: what is stored."""
