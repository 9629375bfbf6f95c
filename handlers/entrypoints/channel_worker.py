"""The worker of the channel that its environment names. What a provider calls dead is put aside."""

from handlers.adapters.aws import clients
from handlers.adapters.aws.dead_endpoints import DeadAddresses, DeadDevices
from handlers.adapters.aws.devices import DynamoDevices
from handlers.adapters.aws.suppressions import SuppressionsTable
from handlers.config import DevicesSettings, WorkerSettings
from handlers.domain.channels import is_told_dead, sends_to_devices
from handlers.entrypoints.worker import worker_handler
from handlers.ports import DeadEndpoints


def _dead_endpoints() -> DeadEndpoints | None:
    settings = WorkerSettings.read()
    if not is_told_dead(settings.channel):
        return None
    if not sends_to_devices(settings.channel):
        return DeadAddresses(SuppressionsTable(settings.suppressions_table, clients.dynamodb()))
    configured = DevicesSettings.read()
    return DeadDevices(DynamoDevices(configured.contacts_table, configured.devices_table, clients.dynamodb()))


handler = worker_handler(_dead_endpoints())
