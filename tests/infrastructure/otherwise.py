"""Each stack's program once more, with settings that its file does not have: a run takes seconds, so tests share it.

A test says which of these settings it is about by what it asserts. What no other setting may be beside, it runs itself.
"""

import json
from functools import cache
from typing import Any, Final

from local.recording import ACCOUNT, REGION, Program, configuration, run
from tests.programs import once

PROVIDER_HOSTS: Final = '{"api.twilio.com":"http://localhost:1234","*":"http://localhost:1234"}'


def domain(name: str) -> dict[str, str]:
    """Return a domain of one's own, as `api.customDomain` and `api.linksDomain` have it."""
    return {"name": name, "certificateArn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/{name}"}


SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "local": {
        "alertEmails": ["on-call@example.com", "team@example.com"],
        "api": {"authorizerCacheSeconds": 0, "refuseReplays": True},
        "endpoints": {"sesv2": "http://localhost:1234/aws"},
        "providerHosts": json.loads(PROVIDER_HOSTS),
        "retention": {"archive": "P7D"},
    },
    "dev": {
        "alarms": {
            "lateAfterVisibilityTimeouts": 2,
            "functionErrors": 7,
            "durationPercent": 50,
            "smsMonthlyLimitUsd": 200,
            "apiErrorsPercent": 2.5,
        },
        "allowedAccountIds": [ACCOUNT],
        "api": {"linksDomain": domain("links.example.com"), "manageAccountLogging": False, "minimumTls": "1.3"},
        "channels": {
            "sms": {"minimumConcurrency": 20, "maximumConcurrency": 50},
            "email": {"maximumConcurrency": 7},
        },
        "waf": {"enabled": False},
    },
    "prod": {
        "api": {"customDomain": domain("notify.example.com"), "linksDomain": domain("links.example.com")},
        "channels": {"sms": {"minimumConcurrency": 20, "maximumConcurrency": 50}},
        "monthlyBudgetUsd": 250.5,
        "tracing": True,
        "waf": {"enabled": True, "mode": "block"},
    },
}
"""By stack, what is set otherwise; of `api`, what is not named stays as it is."""


@cache
def otherwise(stack: str) -> Program:
    """Return the program of a stack with `SETTINGS`, run once for all tests."""
    api = json.loads(configuration(stack)["carillon:api"])
    told = {**SETTINGS[stack], "api": {**api, **SETTINGS[stack]["api"]}}
    overrides = {f"carillon:{name}": json.dumps(value) for name, value in told.items()}
    return once(f"otherwise-{stack}", lambda: run(stack, overrides))
