"""Every physical name and ARN of one environment: plain strings, known before anything exists.

A policy can therefore name a resource without waiting for it, and no two resources wait for each other. What AWS
invents (key ids, REST API ids) is not here: those are outputs of the component that makes them.
"""

from dataclasses import dataclass

PROJECT = "carillon"
ALIAS = "live"
"""Of every function: the version that is called."""
STAGE = "live"
"""Of the API."""


@dataclass(frozen=True)
class Naming:
    """Names are `carillon-<environment>-<thing>`; ARNs are in the region and account given."""

    environment: str
    region: str
    account_id: str

    @property
    def prefix(self) -> str:
        """What every name starts with; also the name of the bus and of the SES configuration set."""
        return f"{PROJECT}-{self.environment}"

    @property
    def metrics(self) -> str:
        """The namespace of what functions and the API's log count: environments of one account are counted apart."""
        return f"Carillon/{self.environment}"

    @property
    def partition(self) -> str:
        """The AWS partition of the region: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"

    def via(self, service: str) -> str:
        """Return what kms:ViaService says when a service of this region uses a key on a caller's behalf."""
        return f"{service}.{self.region}.amazonaws.com" + (".cn" if self.partition == "aws-cn" else "")

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of a resource that belongs to a region and an account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{resource}"

    def named(self, thing: str) -> str:
        """Return `carillon-<environment>-<thing>`, as functions, roles, tables, queues, rules and alarms are named."""
        return f"{self.prefix}-{thing}"

    def worker(self, channel: str) -> str:
        """Return the name of a channel's worker."""
        return self.named(f"worker-{channel}")

    @property
    def quarantine(self) -> str:
        """The name of the queue for messages that cannot be read. The policies recognise it by its ending."""
        return self.named("quarantine")

    def alias_arn(self, function: str) -> str:
        """Return the ARN by which a function is called."""
        return self.arn("lambda", f"function:{self.named(function)}:{ALIAS}")

    @property
    def schedule_group(self) -> str:
        """The group in EventBridge Scheduler that this environment's schedules are in."""
        return self.prefix

    @property
    def scheduler_role(self) -> str:
        """The name of the role by which schedules invoke the sweeper."""
        return self.named("scheduler")

    @property
    def scheduler_role_arn(self) -> str:
        """That role."""
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.scheduler_role}"

    def role_arn(self, function: str) -> str:
        """Return the ARN of a function's role."""
        return f"arn:{self.partition}:iam::{self.account_id}:role/{self.named(function)}"

    @property
    def account_root(self) -> str:
        """The principal that stands for whoever the account's own IAM policies allow."""
        return f"arn:{self.partition}:iam::{self.account_id}:root"

    @property
    def alert_topic(self) -> str:
        """The name of the SNS topic that alarms and the sweeper publish to."""
        return self.named("alerts")

    @property
    def template_bucket(self) -> str:
        """The template bucket's name, with the account in it because bucket names are global."""
        return f"{self.named('templates')}-{self.account_id}"

    @property
    def audience_bucket(self) -> str:
        """The name of the bucket for the files of broadcasts' audiences."""
        return f"{self.named('audiences')}-{self.account_id}"

    @property
    def audience_bucket_arn(self) -> str:
        """That bucket."""
        return f"arn:{self.partition}:s3:::{self.audience_bucket}"

    @property
    def bus_arn(self) -> str:
        """The event bus."""
        return self.arn("events", f"event-bus/{self.prefix}")

    @property
    def app_secret_prefix(self) -> str:
        """What the names of the apps' secrets start with; the app key follows."""
        return f"{PROJECT}/{self.environment}/apps/"

    @property
    def provider_secret_prefix(self) -> str:
        """What the names of the providers' secrets start with; the provider's name follows."""
        return f"{PROJECT}/{self.environment}/providers/"

    @property
    def api_log_group(self) -> str:
        """The log group of the API's access log."""
        return f"/aws/apigateway/{self.prefix}"

    @property
    def links_log_group(self) -> str:
        """The log group of the access log of the links' API."""
        return f"{self.api_log_group}-links"

    @property
    def firewall_log_group(self) -> str:
        """The log group of the firewall. WAF takes only names that start so."""
        return f"aws-waf-logs-{self.prefix}"

    def function_log_group(self, function: str) -> str:
        """Return the log group that Lambda writes a function's output to."""
        return f"/aws/lambda/{self.named(function)}"

    @property
    def quarantine_arn(self) -> str:
        """That queue."""
        return self.arn("sqs", self.quarantine)

    def table_arn(self, table: str) -> str:
        """Return the ARN of a table: `contacts`, `devices`, `settings`, `notifications`, `limits`, `stats`."""
        return self.arn("dynamodb", f"table/{self.named(table)}")

    @staticmethod
    def urgent(channel: str) -> str:
        """Return what the queue, and the rule, of a channel's deliveries of priority `high` are called."""
        return f"{channel}-high"

    def queue_arn(self, queue: str) -> str:
        """Return the ARN of a queue: `email`, `email-high`, `email-dlq`."""
        return self.arn("sqs", self.named(queue))

    def rule_arn(self, queue: str) -> str:
        """Return the ARN of the rule on the bus that leads to a queue."""
        return self.arn("events", f"rule/{self.prefix}/{self.named(queue)}")

    @property
    def bucket_arn(self) -> str:
        """The template bucket."""
        return f"arn:{self.partition}:s3:::{self.template_bucket}"
