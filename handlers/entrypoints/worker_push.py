"""The worker of the channel push, which forgets devices that are dead."""

from handlers.adapters import clients
from handlers.adapters.devices import DynamoDevices
from handlers.config import DevicesSettings
from handlers.entrypoints.worker import worker_handler

handler = worker_handler(DynamoDevices(DevicesSettings().contacts_table, clients.dynamodb()))
