"""What becomes of deliveries, as it is followed, counted and listed."""
