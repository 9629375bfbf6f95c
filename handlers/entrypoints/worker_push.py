"""The worker of the channel push, which forgets devices that are dead."""

from handlers.adapters import clients
from handlers.adapters.devices import DeviceOwners, DynamoDevices
from handlers.config import DevicesSettings
from handlers.entrypoints.worker import worker_handler

settings = DevicesSettings()
dynamodb = clients.dynamodb()
owners = DeviceOwners(settings.devices_table, dynamodb)

handler = worker_handler(DynamoDevices(settings.contacts_table, owners, dynamodb))
