"""Whether a policy lets anything in without TLS."""

from collections.abc import Iterable

from policies.documents import Statement
from policies.rule import Resource
from policies.values import at, is_unknown_inside, items


def refuses_cleartext(statements: Iterable[Statement], resource: Resource) -> bool:
    """Tell whether one statement denies everybody what does not come by TLS, or none can be read yet."""
    if is_unknown_inside(resource.properties.get("policy")):
        return True
    return any(
        at(each.value, "Effect") == "Deny" and each.is_for_everybody and _is_without_tls(each) for each in statements
    )


def _is_without_tls(statement: Statement) -> bool:
    # A second condition would narrow the Deny. IAM takes "false" and false alike, alone or in a list.
    stated = statement.conditions()
    return stated.keys() == {"aws:securetransport"} and "false" in [
        str(each).lower() for each in items(stated["aws:securetransport"])
    ]
