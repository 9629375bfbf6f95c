"""The files of audiences, in a bucket of their own: put there by producers, read by the fan-out alone."""

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from handlers.domain.broadcasts.broadcast import Broadcast
from handlers.domain.broadcasts.lines import AudienceGoneError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX: Final = "audiences/"


class S3AudienceFiles:
    """A file is one object; that it has versions lets a broadcast read the one that it was started with.

    Who is to know whether a file is there lists it, and may not read it (`s3:ListBucketVersions`).
    """

    def __init__(self, bucket: str, client: "S3Client", url_seconds: int = 0) -> None:
        self._bucket = bucket
        self._client = client
        self._url_seconds = url_seconds

    def upload_url(self, broadcast: Broadcast) -> str:
        """Return a url to which the file may be put for some minutes: signed here, with the right to `s3:PutObject`."""
        return self._client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self._bucket, "Key": _key(broadcast)},
            ExpiresIn=self._url_seconds,
            HttpMethod="PUT",
        )

    def uploaded(self, broadcast: Broadcast) -> tuple[str, int] | None:
        """Return the version of the file that was put there last, and its bytes; None if there is none."""
        listed = self._client.list_object_versions(Bucket=self._bucket, Prefix=_key(broadcast))
        latest = next((each for each in listed.get("Versions", ()) if each["IsLatest"]), None)
        return None if latest is None else (latest["VersionId"], latest["Size"])

    def read(self, broadcast: Broadcast, version: str, offset: int, length: int) -> bytes:
        """Return so many bytes of a version from an offset on (`s3:GetObjectVersion`), or as many as there are.

        Raises `AudienceGoneError`.
        """
        try:
            answer = self._client.get_object(
                Bucket=self._bucket,
                Key=_key(broadcast),
                VersionId=version,
                Range=f"bytes={offset}-{offset + length - 1}",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidRange":  # it ends here
                return b""
            if error.response["Error"]["Code"] in ("NoSuchVersion", "NoSuchKey"):
                raise AudienceGoneError from None
            raise
        return answer["Body"].read()


def _key(broadcast: Broadcast) -> str:
    return f"{PREFIX}{broadcast.broadcast_id}"
