"""The firewall before the API's stage: what AWS knows to be an attack, and one address that asks too often."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from stacks.compute.function import Logging
from stacks.naming import STAGE, Naming
from stacks.settings import WafSettings

# Types of aws.wafv2 are in quotes, which nobody evaluates: it takes as long to import as all the rest of AWS that the
# program uses, and so only who makes a firewall does.

# What a message may say by design, and these would take for an attack: HTML, urls, paths, over 8 KB of it. It comes
# from apps that have signed it, is never shown by us but in a mail, and is rendered in a sandbox. And who opens a link
# in a mail is a mail program or a proxy, which may not say who it is.
# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
_ONLY_COUNTED = (
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "NoUserAgent_HEADER",
    "SizeRestrictions_BODY",
)
_PUBLIC = ("/t/", "/u/", "/hooks/")
"""The paths that anybody may call. A path has the stage before it, unless it came by a domain of one's own."""

_RATE_WINDOW_SECONDS = 300
_MANAGED = (
    ("known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet", ()),
    ("common", "AWSManagedRulesCommonRuleSet", _ONLY_COUNTED),
)


@dataclass(frozen=True)
class FirewallArgs:
    """`stages` are the ARNs of what is behind it, by their names."""

    naming: Naming
    settings: WafSettings
    stages: dict[str, pulumi.Input[str]]
    logging: Logging


class Firewall(pulumi.ComponentResource):
    """A web ACL. In the mode `count` it lets everything through, and logs what it would have blocked."""

    def __init__(self, name: str, args: FirewallArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("carillon:stacks:Firewall", name, {}, opts)
        self._args = args
        child = pulumi.ResourceOptions(parent=self)
        acl = aws.wafv2.WebAcl(
            "acl",
            name=args.naming.prefix,
            description="Before the API: known attacks, and addresses that open links too often",
            scope="REGIONAL",
            default_action={"allow": {}},
            rules=[*self._managed(), self._rate(len(_MANAGED))],
            visibility_config=_visible(args.naming.prefix),
            opts=child,
        )
        for stage, arn in args.stages.items():
            aws.wafv2.WebAclAssociation(f"{stage}-firewall", resource_arn=arn, web_acl_arn=acl.arn, opts=child)
        self._log(acl, child)
        self.register_outputs({})

    def _managed(self) -> "list[aws.wafv2.WebAclRuleArgs]":
        """Return AWS's rule sets; each of their rules does what AWS says, or counts, by the mode."""
        return [
            aws.wafv2.WebAclRuleArgs(
                name=name,
                priority=priority,
                override_action={"none": {}} if self._args.settings.mode == "block" else {"count": {}},
                statement={
                    "managed_rule_group_statement": {
                        "vendor_name": "AWS",
                        "name": group,
                        "rule_action_overrides": [{"name": each, "action_to_use": {"count": {}}} for each in counted],
                    }
                },
                visibility_config=_visible(name),
            )
            for priority, (name, group, counted) in enumerate(_MANAGED)
        ]

    def _rate(self, priority: int) -> "aws.wafv2.WebAclRuleArgs":
        """Return the rule for who opens links too often; the API behind answers producers by a rate of their own."""
        blocked = {"block": {"custom_response": {"response_code": 429}}}
        paths = [f"{stage}{path}" for stage in ("", f"/{STAGE}") for path in _PUBLIC]
        return aws.wafv2.WebAclRuleArgs(
            name="rate",
            priority=priority,
            action=blocked if self._args.settings.mode == "block" else {"count": {}},
            statement={
                "rate_based_statement": {
                    "aggregate_key_type": "IP",
                    "limit": self._args.settings.rate_per_five_minutes,
                    "evaluation_window_sec": _RATE_WINDOW_SECONDS,
                    "scope_down_statement": {"or_statement": {"statements": [_starts_with(path) for path in paths]}},
                }
            },
            visibility_config=_visible("rate"),
        )

    def _log(self, acl: "aws.wafv2.WebAcl", child: pulumi.ResourceOptions) -> None:
        """Log what a rule has matched, and nothing else: without paths, which name users, and without tokens."""
        group = aws.cloudwatch.LogGroup(
            "firewall-log",
            name=self._args.naming.firewall_log_group,
            kms_key_id=self._args.logging.key_arn,
            retention_in_days=self._args.logging.retention_days,
            opts=child,
        )
        aws.wafv2.WebAclLoggingConfiguration(
            "firewall-logging",
            resource_arn=acl.arn,
            log_destination_configs=[group.arn],
            redacted_fields=[
                {"uri_path": {}},
                {"query_string": {}},
                {"single_header": {"name": "authorization"}},
            ],
            logging_filter={
                "default_behavior": "DROP",
                "filters": [
                    {
                        "behavior": "KEEP",
                        "requirement": "MEETS_ANY",
                        "conditions": [{"action_condition": {"action": each}} for each in ("BLOCK", "COUNT")],
                    }
                ],
            },
            opts=child,
        )


def _starts_with(path: str) -> dict[str, object]:
    return {
        "byte_match_statement": {
            "field_to_match": {"uri_path": {}},
            "positional_constraint": "STARTS_WITH",
            "search_string": path,
            "text_transformations": [{"priority": 0, "type": "NONE"}],
        }
    }


def _visible(name: str) -> "aws.wafv2.WebAclRuleVisibilityConfigArgs":
    """Return that it is counted, and that no request is kept as a sample: it would hold its token."""
    return aws.wafv2.WebAclRuleVisibilityConfigArgs(
        cloudwatch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
