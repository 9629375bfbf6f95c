"""The environment variables of every function: entrypoints read them when they are imported, as in Lambda."""

import json
import os

os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
    "CARILLON_ENVIRONMENT": "test",
    "CARILLON_ALERT_RULES": json.dumps(
        {"outage_after_seconds": 60, "over_after_seconds": 300, "remind_after_seconds": [3600, 14400, 43200, 86400]}
    ),
    "CARILLON_ALERT_TOPIC": "arn:aws:sns:eu-central-1:123456789012:carillon-test-alerts",
    "CARILLON_APP_MAX_AGE_SECONDS": "30",
    "CARILLON_APP_SECRET_PREFIX": "carillon/test/apps/",
    "CARILLON_AUDIENCE_BUCKET": "audiences",
    "CARILLON_BROADCASTS_TABLE": "broadcasts",
    "CARILLON_BROADCAST_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-broadcasts",
    "CARILLON_QUEUE_URLS": '{"email": "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-email"}',
    "CARILLON_TAGS_TABLE": "tags",
    "CARILLON_CHANNELS": '["email"]',
    "CARILLON_CATEGORIES": json.dumps(
        {"payment": {"channels": ["email"]}, "security": {"channels": ["email"], "critical": True}}
    ),
    "CARILLON_CONTACTS_TABLE": "contacts",
    "CARILLON_CRITICAL_CATEGORIES": '["security"]',
    "CARILLON_CHANNEL": "email",
    "CARILLON_DEVICES_TABLE": "devices",
    "CARILLON_EVENT_BUS": "carillon-test",
    "CARILLON_LINK_KEY": "arn:aws:kms:eu-central-1:123456789012:key/links",
    "CARILLON_LIMITS_TABLE": "limits",
    "CARILLON_LOG_KEPT_DAYS": "400",
    "CARILLON_NOTIFICATIONS_TABLE": "notifications",
    "CARILLON_PROVIDER_SECRET_PREFIX": "carillon/test/providers/",
    "CARILLON_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-email",
    "CARILLON_URGENT_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-email-high",
    "CARILLON_SCHEDULE_GROUP": "carillon-test",
    "CARILLON_SCHEDULE_TARGET": "arn:aws:lambda:eu-central-1:123456789012:function:carillon-test-sweeper:live",
    "CARILLON_SCHEDULER_ROLE": "arn:aws:iam::123456789012:role/carillon-test-scheduler",
    "CARILLON_SAMPLE_URL": "https://xxxxxxxxxx.execute-api.eu-central-1.amazonaws.com/live",
    "CARILLON_SETTINGS_TABLE": "settings",
    "CARILLON_SUPPRESSIONS_TABLE": "suppressions",
    "CARILLON_SMS_MAX_SEGMENTS": "10",
    "CARILLON_QUARANTINE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-quarantine",
    "CARILLON_REDRIVE_AFTER_SECONDS": "[900, 3600, 14400, 43200]",
    "CARILLON_UNKNOWN_DECIDED_AFTER_SECONDS": "86400",
    "CARILLON_VISIBILITY_TIMEOUT_SECONDS": "180",
    "CARILLON_STATS_TABLE": "stats",
    "CARILLON_WEBHOOK_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-webhooks",
    "CARILLON_TEMPLATE_BUCKET": "templates",
    "CARILLON_TEMPLATES_TABLE": "templates",
}
