"""The worker of the channel chat."""

from handlers.entrypoints.worker import worker_handler

handler = worker_handler()
