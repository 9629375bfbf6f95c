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
    "CARILLON_APP_SECRET_PREFIX": "carillon/test/apps/",
    "CARILLON_CHANNELS": '["email"]',
    "CARILLON_CATEGORIES": json.dumps(
        {"payment": {"channels": ["email"]}, "security": {"channels": ["email"], "critical": True}}
    ),
    "CARILLON_CONTACTS_TABLE": "contacts",
    "CARILLON_CRITICAL_CATEGORIES": '["security"]',
    "CARILLON_DEVICES_TABLE": "devices",
    "CARILLON_EVENT_BUS": "carillon-test",
    "CARILLON_LINK_KEY": "arn:aws:kms:eu-central-1:123456789012:key/links",
    "CARILLON_LIMITS_TABLE": "limits",
    "CARILLON_NOTIFICATIONS_TABLE": "notifications",
    "CARILLON_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/carillon-test-email",
    "CARILLON_SCHEDULE_GROUP": "carillon-test",
    "CARILLON_SCHEDULE_TARGET": "arn:aws:lambda:eu-central-1:123456789012:function:carillon-test-sweeper:live",
    "CARILLON_SCHEDULER_ROLE": "arn:aws:iam::123456789012:role/carillon-test-scheduler",
    "CARILLON_SAMPLE_URL": "https://xxxxxxxxxx.execute-api.eu-central-1.amazonaws.com/live",
    "CARILLON_SETTINGS_TABLE": "settings",
    "CARILLON_SMS_MAX_SEGMENTS": "10",
    "CARILLON_TEMPLATE_BUCKET": "templates",
}
