"""Stands in for third-party providers on this machine: takes their calls, keeps every message, fails on demand."""
