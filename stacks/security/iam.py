"""The one place where permissions are written: a Statement, and the policy document made of some.

Identity, queue, topic, bucket, key and trust policies are all built from it. It refuses a wildcard that does not say
why AWS leaves no narrower choice, so each one left in the platform explains itself to the reviewer who meets it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_sid.html
_SID = re.compile(r"[A-Za-z0-9]+")
_PAGES = "https://docs.aws.amazon.com/"
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*]+")


class StatementError(ValueError):
    """A statement that must not be granted as it is written. The message says what to change."""


@dataclass(frozen=True)
class Principal:
    """Who a statement of a resource's policy is about."""

    kind: Literal["Service", "AWS"]
    identifier: str


EVERYONE = Principal("AWS", "*")
"""For Deny statements only: whoever asks."""


def service(name: str) -> Principal:
    """Return the principal of an AWS service, such as `events.amazonaws.com`."""
    return Principal("Service", name)


@dataclass(frozen=True)
class Condition:
    """One condition: the key must match one of the values."""

    operator: str
    key: str
    values: tuple[str, ...]
    page: str = ""
    """AWS's page that says that a service sends this key. Needed wherever a service is the principal."""


def equals(key: str, *values: str, page: str = "") -> Condition:
    """Return the condition that a key has exactly one of these values."""
    return Condition("StringEquals", key, values, page)


def arn_like(key: str, *patterns: str, page: str = "") -> Condition:
    """Return the condition that a key holds an ARN matching one of these patterns."""
    return Condition("ArnLike", key, patterns, page)


@dataclass(frozen=True)
class Statement:
    """One permission. Raises StatementError at construction rather than letting AWS, or nobody, find the mistake."""

    sid: str
    actions: tuple[str, ...]
    resources: tuple[pulumi.Input[str], ...] = ()
    """ARNs. Empty in a trust policy alone, which is about the role it is attached to."""
    conditions: tuple[Condition, ...] = ()
    principal: Principal | None = None
    effect: Literal["Allow", "Deny"] = "Allow"
    reason: str = ""
    """Why an action or a resource here has a wildcard."""

    def __post_init__(self) -> None:
        if not _SID.fullmatch(self.sid):
            raise StatementError(f"Statement {self.sid!r}: a sid has letters and digits only; rename it.")
        if not self.actions:
            raise StatementError(f"Statement {self.sid}: name at least one action.")
        for action in self.actions:
            if not _ACTION.fullmatch(action):
                raise StatementError(f"Statement {self.sid}: {action!r} is not an action; write service:Action.")
        if self.effect == "Allow" and self.principal == EVERYONE:
            raise StatementError(f"Statement {self.sid}: it would allow everyone; name the principal.")
        self._require_reason()
        self._require_pages()

    def _require_pages(self) -> None:
        """Refuse what would lock a service out on AWS alone: a condition on a key that it may not send."""
        if self.effect == "Allow" and self.principal and self.principal.kind == "Service":
            for condition in self.conditions:
                if not condition.page.startswith(_PAGES):
                    raise StatementError(
                        f"Statement {self.sid}: name the page of {_PAGES} that says that "
                        f"{self.principal.identifier} sends {condition.key}, or take the condition away."
                    )

    def _require_reason(self) -> None:
        written = (*self.actions, *(resource for resource in self.resources if isinstance(resource, str)))
        wild = [text for text in written if "*" in text]
        if wild and not self.reason:
            raise StatementError(
                f"Statement {self.sid}: {wild[0]!r} has a wildcard. Name exactly what is needed, "
                "or give the reason why AWS leaves no narrower choice."
            )

    def rendered(self) -> dict[str, Any]:
        """Return the statement as a policy document holds it; resources may still be outputs."""
        body: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect, "Action": list(self.actions)}
        if self.principal:
            body["Principal"] = {self.principal.kind: self.principal.identifier}
        if self.resources:
            body["Resource"] = list(self.resources)
        if self.conditions:
            body["Condition"] = _conditions(self.conditions)
        return body


def _conditions(conditions: Iterable[Condition]) -> dict[str, dict[str, list[str]]]:
    body: dict[str, dict[str, list[str]]] = {}
    for condition in conditions:
        body.setdefault(condition.operator, {})[condition.key] = list(condition.values)
    return body


def document(*statements: Statement) -> pulumi.Output[str]:
    """Return the policy document of these statements as JSON. Raises StatementError when two share a sid."""
    sids = [statement.sid for statement in statements]
    if repeated := {sid for sid in sids if sids.count(sid) > 1}:
        raise StatementError(f"Statements share the sid {', '.join(sorted(repeated))}: rename all but one.")
    return pulumi.Output.json_dumps(
        {"Version": "2012-10-17", "Statement": [statement.rendered() for statement in statements]}
    )


def trust(principal: Principal, *conditions: Condition) -> pulumi.Output[str]:
    """Return the trust policy of a role that only this principal may assume, under these conditions."""
    return document(Statement("Assume", ("sts:AssumeRole",), principal=principal, conditions=conditions))


def tls_only(actions: str, *resources: pulumi.Input[str]) -> Statement:
    """Return the refusal of any request that does not come over TLS."""
    return Statement(
        "RefuseCleartext",
        (actions,),
        resources,
        (Condition("Bool", "aws:SecureTransport", ("false",)),),
        principal=EVERYONE,
        effect="Deny",
        reason="it refuses: whatever is asked over plain HTTP, on whatever it is asked",
    )
