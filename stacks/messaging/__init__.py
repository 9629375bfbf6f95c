"""The bus, the channels, schedules, the sweeper, alerts and mail's identity."""
