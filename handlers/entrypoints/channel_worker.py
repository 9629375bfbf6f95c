"""The worker of the channel that its environment names. Where it sends to devices, it forgets those that are dead."""

from handlers.adapters.aws import clients
from handlers.adapters.aws.devices import DynamoDevices
from handlers.config import DevicesSettings, WorkerSettings
from handlers.domain.channels import sends_to_devices
from handlers.entrypoints.worker import worker_handler
from handlers.ports import Devices


def _devices() -> Devices | None:
    if not sends_to_devices(WorkerSettings.read().channel):
        return None
    configured = DevicesSettings.read()
    return DynamoDevices(configured.contacts_table, configured.devices_table, clients.dynamodb())


handler = worker_handler(_devices())
