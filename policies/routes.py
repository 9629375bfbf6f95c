"""The paths and methods of a REST API, put together from the resources of a stack."""

from collections.abc import Sequence

from policies.rule import Resource
from policies.values import UNKNOWN, Value, at

METHOD = "aws:apigateway/method:Method"
INTEGRATION = "aws:apigateway/integration:Integration"
_RESOURCE = "aws:apigateway/resource:Resource"


def path_of(resource_id: Value, resources: Sequence[Resource]) -> str | None:
    """Return the path of a resource of the API, `/v1/contacts/{user_id}`, or None where a preview cannot tell."""
    inside = {str(each.properties.get("id", UNKNOWN)): each for each in resources if each.type == _RESOURCE}
    if str(UNKNOWN) in inside:
        return None  # any of them may be on the way, and the root is known by being none of them
    path = ""
    while isinstance(resource_id, str) and (found := inside.get(resource_id)):
        part = at(found.properties, "pathPart")
        if not isinstance(part, str):
            return None
        path, resource_id = f"/{part}{path}", at(found.properties, "parentId")
    return path if path and isinstance(resource_id, str) else None
