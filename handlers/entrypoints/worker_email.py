"""The worker of the channel e-mail."""

from handlers.entrypoints.worker import worker_handler

handler = worker_handler()
