"""The worker of the channel push, which forgets devices that are dead."""

from handlers.adapters.aws import clients
from handlers.adapters.aws.devices import DynamoDevices
from handlers.config import DevicesSettings
from handlers.entrypoints.worker import worker_handler

configured = DevicesSettings()

handler = worker_handler(DynamoDevices(configured.contacts_table, configured.devices_table, clients.dynamodb()))
