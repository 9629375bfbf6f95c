"""What the Pulumi CLI and the local engine run: serves the pack over gRPC until it is stopped."""

from pulumi_policy import PolicyPack

from policies.pack import ALL_POLICIES, NAME

PolicyPack(NAME, ALL_POLICIES)  # never returns
