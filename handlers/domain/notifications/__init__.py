"""What is asked for and what becomes of it: requests, plan, deliveries, statuses, events."""
