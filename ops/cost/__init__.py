"""What a million deliveries cost at AWS's list prices: docs/cost.md."""
