"""One message to many: what is asked for, how far it is, and how its audience is read."""
