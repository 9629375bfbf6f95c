"""What an operator's command cannot do."""


class OperatorError(Exception):
    """Something cannot be done; the message says why and what to do. Nothing secret or personal is in it."""
