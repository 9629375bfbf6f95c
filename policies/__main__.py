"""What the Pulumi CLI and the local engine run: serves the pack over gRPC until it is stopped."""

import os

from pulumi_policy import PolicyPack

from policies.pack import NAME, policies_for

# Both tell the pack which stack they are at; whoever does not gets every rule as strict as it is.
PolicyPack(NAME, policies_for(os.environ.get("PULUMI_STACK", "")))  # never returns
