"""The one AWS provider, given to every resource explicitly. Nothing depends on the deployer's environment.

To deploy to an emulator with the Pulumi CLI, set AWS_ENDPOINT_URL, which the provider reads itself
(https://registry.terraform.io/providers/hashicorp/aws/latest/docs/guides/custom-service-endpoints), and
`carillon:endpoints` for what the functions need beyond it.
"""

import pulumi_aws as aws

from stacks.naming import PROJECT
from stacks.settings import Settings


def provider(settings: Settings) -> aws.Provider:
    """Return the provider for the environment's region, which tags all it makes and refuses any account not allowed."""
    return aws.Provider(
        "aws",
        region=settings.region,
        allowed_account_ids=list(settings.allowed_account_ids) or None,
        default_tags={
            "tags": {
                "project": PROJECT,
                "environment": settings.environment,
                "owner": settings.owner,
                "cost-centre": settings.cost_centre,
                "data-class": settings.data_class,
            }
        },
        # An emulator has one address for all buckets.
        s3_use_path_style=bool(settings.endpoints),
    )
