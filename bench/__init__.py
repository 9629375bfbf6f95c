"""Benchmarks, run against a platform that is up."""
