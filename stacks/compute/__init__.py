"""Functions, and the zips that they run."""
