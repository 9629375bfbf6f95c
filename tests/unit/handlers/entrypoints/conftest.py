"""Entrypoints read their settings and create their clients when they are imported, as in Lambda; nothing is called."""

import os

os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_METRICS_NAMESPACE": "Carillon",
    "CARILLON_ENVIRONMENT": "test",
    "CARILLON_APP_SECRET_PREFIX": "carillon/test/apps/",
    "CARILLON_CONTACTS_TABLE": "contacts",
    "CARILLON_TEMPLATE_BUCKET": "templates",
}
