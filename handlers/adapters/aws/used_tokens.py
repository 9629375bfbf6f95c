"""Tokens that were used, where each is good for one request: `{"id": "jti#<app key>#<digest>", "expiration", "by"}`.

It is in the table of limits until the token has expired, so it is as long as the token could be used again.
"""

import uuid
from hashlib import sha256
from typing import TYPE_CHECKING

from handlers.adapters.aws.dynamo import Unmet, typed, write
from handlers.domain.tokens import LEEWAY_SECONDS, Reason, RefusedTokenError, Signed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoUsedTokens:
    """Calls `dynamodb:PutItem`, once for each token."""

    def __init__(self, table: str, client: "DynamoDBClient") -> None:
        self._table = table
        self._client = client

    def use(self, app_key: str, token: Signed) -> None:
        """Use a token up; raise `RefusedTokenError` when it was before. Of two at once exactly one gets in.

        A write that botocore repeats, as its answer was lost, meets what it has written itself, which is no replay.
        What keeps it from being written is raised as it is: nobody gets in unseen.
        """
        mine = str(uuid.uuid4())
        digest = sha256(token.jti.encode()).hexdigest()  # it may be as long as a token, and hold anything
        answer = write(
            self._client.put_item,
            TableName=self._table,
            Item=typed(
                {
                    "id": f"jti#{app_key}#{digest}",
                    "expiration": int(token.expires) + LEEWAY_SECONDS + 1,
                    "by": mine,
                }
            ),
            ConditionExpression="attribute_not_exists(id)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
        if isinstance(answer, Unmet) and (answer.item or {}).get("by") != {"S": mine}:
            raise RefusedTokenError(Reason.REPLAYED)
