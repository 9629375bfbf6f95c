"""Who sends: the registry of providers, routing and circuits, errors, retries."""
