"""Alarms, the dashboard, saved queries and the budget: what whoever is on call looks at."""
