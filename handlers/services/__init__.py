"""Use cases, over ports alone: accepting, delivering, failing over, sweeping, tracking."""
