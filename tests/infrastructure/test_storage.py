"""stacks.data, and the secrets of stacks.security: what holds data, and how safely."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from handlers.adapters.aws.log_items import delivery_item, expiry
from handlers.domain.broadcasts.broadcast import CLAIMS_KEPT, FILE_KEPT, LATEST_RUN
from handlers.domain.notifications.due import FINDS_ALL_IT_NEEDS
from handlers.domain.notifications.plan import FURTHEST_AHEAD
from local.recording import ACCOUNT, CHANNELS, Program, Registered
from stacks.security.provider_secrets import CREDENTIALS
from tests.infrastructure.otherwise import otherwise
from tests.unit.handlers.samples import delivery

TABLE = "aws:dynamodb/table:Table"
SECRET = "aws:secretsmanager/secret:Secret"
BUCKET = f"carillon-local-templates-{ACCOUNT}"
PREFIXES = ("", "audience-")
"""Of the names of what belongs to the bucket of templates, and to that of audiences."""


def of_bucket(deployed: Program, kind: str, prefix: str = "") -> Registered:
    (found,) = (each for each in deployed.of(f"aws:s3/{kind}") if each.name.startswith("audience-") is bool(prefix))
    return found


def table(deployed: Program, name: str) -> Registered:
    (found,) = (each for each in deployed.of(TABLE) if each.name == name)
    return found


def test_tables_have_the_keys_that_the_handlers_use(deployed: Program) -> None:
    keys = {each.name: (each.inputs["hashKey"], each.inputs.get("rangeKey")) for each in deployed.of(TABLE)}
    assert keys == {
        "contacts": ("user_id", None),
        "devices": ("token", None),
        "settings": ("user_id", None),
        "suppressions": ("shard", "address_key"),
        "notifications": ("notification_id", "item"),
        "templates": ("folder", None),
        "limits": ("id", None),
        "broadcasts": ("broadcast_id", "item"),
        "tags": ("tag", "user_id"),
        "stats": ("id", "item"),
    }


def test_tables_are_billed_by_use_and_restorable(deployed: Program) -> None:
    for each in deployed.of(TABLE):
        assert each.inputs["billingMode"] == "PAY_PER_REQUEST"
        assert each.inputs["pointInTimeRecovery"] == {"enabled": True}
        assert each.inputs["serverSideEncryption"]["enabled"] is True


def test_every_key_attribute_is_declared_and_no_other(deployed: Program) -> None:
    for each in deployed.of(TABLE):
        keys = {each.inputs["hashKey"], each.inputs.get("rangeKey")} - {None}
        for index in each.inputs.get("globalSecondaryIndexes", []):
            keys |= {key["attributeName"] for key in index["keySchemas"]}
        assert {attribute["name"] for attribute in each.inputs["attributes"]} == keys
        assert {attribute["type"] for attribute in each.inputs["attributes"]} == {"S"}


def test_the_user_index_is_written_once_for_each_delivery(deployed: Program) -> None:
    (index,) = table(deployed, "stats").inputs["globalSecondaryIndexes"]
    assert index == {
        "name": "user",
        "keySchemas": [{"attributeName": "user", "keyType": "HASH"}, {"attributeName": "item", "keyType": "RANGE"}],
        "projectionType": "KEYS_ONLY",
    }


def log_index(deployed: Program, name: str) -> dict[str, Any]:
    indexes = table(deployed, "notifications").inputs["globalSecondaryIndexes"]
    assert {each["name"] for each in indexes} == {"due", "digests"}
    [found] = [each for each in indexes if each["name"] == name]
    return dict(found)


def test_only_limits_the_log_who_had_a_broadcast_and_what_follows_from_the_log_forget_each_by_what_its_items_have(
    deployed: Program,
) -> None:
    forgetting = {each.name: each.inputs["ttl"] for each in deployed.of(TABLE) if "ttl" in each.inputs}
    assert forgetting == {
        "limits": {"attributeName": "expiration", "enabled": True},
        "notifications": {"attributeName": "expires", "enabled": True},
        "broadcasts": {"attributeName": "expiration", "enabled": True},
        "stats": {"attributeName": "expiration", "enabled": True},
    }
    assert list(expiry(datetime(2030, 1, 1, tzinfo=UTC), timedelta(days=1))) == ["expires"]


def test_the_archive_of_the_bus_keeps_events_as_long_as_configured() -> None:
    kept = otherwise("local")
    assert kept.named("aws:cloudwatch/eventArchive:EventArchive").inputs["retentionDays"] == 7


def test_the_due_index_holds_what_the_sweeper_publishes(deployed: Program) -> None:
    index = log_index(deployed, "due")
    assert index["keySchemas"] == [
        {"attributeName": "due_shard", "keyType": "HASH"},
        {"attributeName": "due_at", "keyType": "RANGE"},
    ]
    assert index["projectionType"] == "INCLUDE"
    projected = set(index["nonKeyAttributes"])
    assert projected == {
        "event_id",
        "channel",
        "category",
        "app_key",
        "user_id",
        "address_key",
        "republished",
        "acceptance",
        "slot",
        "digest_id",
    }


def test_the_index_of_digests_holds_what_a_worker_claims_entries_by_and_costs_what_is_in_none_nothing(
    deployed: Program,
) -> None:
    index = log_index(deployed, "digests")
    assert index["keySchemas"] == [{"attributeName": "digest_id", "keyType": "HASH"}]
    assert index["projectionType"] == "INCLUDE"
    assert set(index["nonKeyAttributes"]) == {
        "event_id",
        "channel",
        "category",
        "app_key",
        "user_id",
        "address_key",
        "slot",
        "due_shard",
        "acceptance",
    }
    assert "digest_id" not in delivery_item(delivery())


def test_a_protected_table_refuses_deletion_at_aws(prod: Program, local: Program) -> None:
    assert {each.inputs["deletionProtectionEnabled"] for each in prod.of(TABLE)} == {True}
    assert {each.inputs["deletionProtectionEnabled"] for each in local.of(TABLE)} == {False}


def test_a_replica_is_as_safe_as_the_table(prod: Program) -> None:
    for each in prod.of(TABLE):
        (replica,) = each.inputs["replicas"]
        assert replica["regionName"] == "eu-west-1"
        assert replica["kmsKeyArn"].endswith(":data-eu-west-1-key")
        assert replica["pointInTimeRecovery"] is True
        assert replica["deletionProtectionEnabled"] is True
        assert (each.inputs["streamEnabled"], each.inputs["streamViewType"]) == (True, "NEW_AND_OLD_IMAGES")


def test_without_replicas_the_log_alone_has_a_stream_with_what_an_item_was_and_is(local: Program) -> None:
    assert not [each for each in local.of(TABLE) if "replicas" in each.inputs]
    assert [each.name for each in local.of(TABLE) if "streamEnabled" in each.inputs] == ["notifications"]
    log = table(local, "notifications").inputs
    assert (log["streamEnabled"], log["streamViewType"]) == (True, "NEW_AND_OLD_IMAGES")


def test_the_bucket_keeps_every_version_for_as_long_as_a_delivery_may_need_it(deployed: Program) -> None:
    versioning = of_bucket(deployed, "bucketVersioning:BucketVersioning")
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}
    lifecycle = of_bucket(deployed, "bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    (rule,) = lifecycle.inputs["rules"]
    kept = timedelta(days=rule["noncurrentVersionExpiration"]["noncurrentDays"])
    assert kept >= FURTHEST_AHEAD + FINDS_ALL_IT_NEEDS
    assert "expiration" not in rule
    # Before versioning is on, a rule about versions is refused.
    assert versioning.urn in lifecycle.dependencies


@pytest.mark.parametrize("prefix", PREFIXES)
def test_each_bucket_is_encrypted_with_a_bucket_key_and_never_public(deployed: Program, prefix: str) -> None:
    encryption = of_bucket(
        deployed, "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration", prefix
    )
    (rule,) = encryption.inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith(":data-key")
    assert rule["bucketKeyEnabled"] is True
    block = of_bucket(deployed, "bucketPublicAccessBlock:BucketPublicAccessBlock", prefix).inputs
    assert all(block[each] for each in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls"))
    assert block["restrictPublicBuckets"] is True
    ownership = of_bucket(deployed, "bucketOwnershipControls:BucketOwnershipControls", prefix).inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_the_bucket_answers_over_tls_alone(local: Program) -> None:
    assert of_bucket(local, "bucketPolicy:BucketPolicy").statements() == [
        {
            "Sid": "RefuseCleartext",
            "Effect": "Deny",
            "Action": ["s3:*"],
            "Principal": {"AWS": "*"},
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
        }
    ]


def test_nobody_but_the_fan_out_reads_the_file_of_an_audience(local: Program) -> None:
    refused = {each["Sid"]: each for each in of_bucket(local, "bucketPolicy:BucketPolicy", "audience-").statements()}
    assert set(refused) == {"RefuseCleartext", "RefuseOtherReaders"}
    assert refused["RefuseOtherReaders"] == {
        "Sid": "RefuseOtherReaders",
        "Effect": "Deny",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Principal": {"AWS": "*"},
        "Resource": [f"arn:aws:s3:::carillon-local-audiences-{ACCOUNT}/*"],
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/carillon-local-fanout"]}},
    }


def test_the_file_of_an_audience_is_erased_when_no_broadcast_may_run_any_more(deployed: Program) -> None:
    (rule,) = of_bucket(deployed, "bucketLifecycleConfiguration:BucketLifecycleConfiguration", "audience-").inputs[
        "rules"
    ]
    assert timedelta(days=rule["expiration"]["days"]) == FILE_KEPT > LATEST_RUN
    assert CLAIMS_KEPT > FILE_KEPT
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 1}


@pytest.mark.parametrize("prefix", PREFIXES)
def test_only_an_unprotected_bucket_is_emptied_to_be_deleted(prod: Program, local: Program, prefix: str) -> None:
    assert of_bucket(prod, "bucket:Bucket", prefix).inputs["forceDestroy"] is False
    assert of_bucket(local, "bucket:Bucket", prefix).inputs["forceDestroy"] is True


def test_each_app_has_a_container_for_its_secret_and_no_value_in_it(prod: Program) -> None:
    assert secrets_below(prod, "carillon/prod/apps/") == {"orders", "payments"}
    assert prod.exports["appSecretNames"] == {
        "orders": "carillon/prod/apps/orders",
        "payments": "carillon/prod/apps/payments",
    }
    assert prod.of("aws:secretsmanager/secretVersion:SecretVersion") == []


def test_each_provider_with_credentials_has_a_container_for_them(prod: Program) -> None:
    providers = {provider for channel in CHANNELS for provider in CREDENTIALS[channel]}
    assert secrets_below(prod, "carillon/prod/providers/") == providers
    assert prod.exports["providerSecretNames"] == {name: f"carillon/prod/providers/{name}" for name in providers}


def test_the_providers_secrets_keep_the_names_under_which_they_were_filled(prod: Program) -> None:
    """A secret of another name, or of another place in the program, would be a new one, and empty."""
    secrets = [each for each in prod.of(SECRET) if "stacks:ProviderSecrets$" in each.urn]
    filled = {
        f"{SECRET}::{name}": f"carillon/prod/providers/{name}"
        for name in ("sendgrid", "twilio", "apns", "fcm", "sns-push", "webhook")
    }
    assert filled.items() <= {each.urn.rpartition("$")[2]: each.inputs["name"] for each in secrets}.items()


def secrets_below(deployed: Program, prefix: str) -> set[str]:
    names = {each.inputs["name"] for each in deployed.of(SECRET)}
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def test_a_protected_secret_can_be_recovered_for_a_month(prod: Program, local: Program) -> None:
    assert {each.inputs["recoveryWindowInDays"] for each in prod.of(SECRET)} == {30}
    assert {each.inputs["recoveryWindowInDays"] for each in local.of(SECRET)} == {0}
