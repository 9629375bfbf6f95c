"""The worker of the channel push."""

from handlers.entrypoints.worker import worker_handler

handler = worker_handler()
