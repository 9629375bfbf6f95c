"""The worker of the channel SMS."""

from handlers.entrypoints.worker import worker_handler

handler = worker_handler()
