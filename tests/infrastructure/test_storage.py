"""stacks.data, and the secrets of stacks.security: what holds data, and how safely."""

from datetime import timedelta

from handlers.domain.notifications.due import FINDS_ALL_IT_NEEDS
from handlers.domain.notifications.plan import FURTHEST_AHEAD
from local.recording import ACCOUNT, CHANNELS, Program, Registered
from stacks.security.provider_secrets import CREDENTIALS

TABLE = "aws:dynamodb/table:Table"
SECRET = "aws:secretsmanager/secret:Secret"
BUCKET = f"carillon-local-templates-{ACCOUNT}"


def table(deployed: Program, name: str) -> Registered:
    (found,) = (each for each in deployed.of(TABLE) if each.name == name)
    return found


def test_tables_have_the_keys_that_the_handlers_use(deployed: Program) -> None:
    keys = {each.name: (each.inputs["hashKey"], each.inputs.get("rangeKey")) for each in deployed.of(TABLE)}
    assert keys == {
        "contacts": ("user_id", None),
        "devices": ("token", None),
        "settings": ("user_id", None),
        "notifications": ("notification_id", "item"),
        "limits": ("id", None),
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


def test_only_limits_forget(deployed: Program) -> None:
    forgetting = {each.name: each.inputs["ttl"] for each in deployed.of(TABLE) if "ttl" in each.inputs}
    assert forgetting == {"limits": {"attributeName": "expiration", "enabled": True}}


def test_the_due_index_holds_what_the_sweeper_publishes(deployed: Program) -> None:
    (index,) = table(deployed, "notifications").inputs["globalSecondaryIndexes"]
    assert index["name"] == "due"
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
    }


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


def test_without_replicas_no_stream_is_paid_for(local: Program) -> None:
    assert not [each for each in local.of(TABLE) if {"replicas", "streamEnabled"} & set(each.inputs)]


def test_the_bucket_keeps_every_version_for_as_long_as_a_delivery_may_need_it(deployed: Program) -> None:
    versioning = deployed.named("aws:s3/bucketVersioning:BucketVersioning")
    assert versioning.inputs["versioningConfiguration"] == {"status": "Enabled"}
    lifecycle = deployed.named("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
    (rule,) = lifecycle.inputs["rules"]
    kept = timedelta(days=rule["noncurrentVersionExpiration"]["noncurrentDays"])
    assert kept >= FURTHEST_AHEAD + FINDS_ALL_IT_NEEDS
    assert "expiration" not in rule
    # Before versioning is on, a rule about versions is refused.
    assert versioning.urn in lifecycle.dependencies


def test_the_bucket_is_encrypted_with_a_bucket_key_and_never_public(deployed: Program) -> None:
    encryption = deployed.named(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    )
    (rule,) = encryption.inputs["rules"]
    assert rule["applyServerSideEncryptionByDefault"]["sseAlgorithm"] == "aws:kms"
    assert rule["applyServerSideEncryptionByDefault"]["kmsMasterKeyId"].endswith(":data-key")
    assert rule["bucketKeyEnabled"] is True
    block = deployed.named("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert all(block[each] for each in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls"))
    assert block["restrictPublicBuckets"] is True
    ownership = deployed.named("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}


def test_the_bucket_answers_over_tls_alone(local: Program) -> None:
    assert local.named("aws:s3/bucketPolicy:BucketPolicy").statements() == [
        {
            "Sid": "RefuseCleartext",
            "Effect": "Deny",
            "Action": ["s3:*"],
            "Principal": {"AWS": "*"},
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
        }
    ]


def test_only_an_unprotected_bucket_is_emptied_to_be_deleted(prod: Program, local: Program) -> None:
    assert prod.named("aws:s3/bucket:Bucket").inputs["forceDestroy"] is False
    assert local.named("aws:s3/bucket:Bucket").inputs["forceDestroy"] is True


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
