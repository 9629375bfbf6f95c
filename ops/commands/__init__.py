"""The commands of `carillon`, a module for each group."""
