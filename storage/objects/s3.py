"""Objects in a bucket of MinIO or any other S3."""

from collections.abc import AsyncGenerator, Generator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import ParseError

from minio import Minio, S3Error
from minio.error import MinioException
from minio.helpers import MIN_PART_SIZE, check_bucket_name
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError

from domain.errors import DomainError, InvalidInput
from domain.ports import StoredObject
from storage.objects.failures import not_found, unavailable
from storage.objects.keys import length_of, require_key
from storage.objects.signing import Signer, signed_put
from storage.objects.threads import CHUNK_BYTES, Threads

_MAX_EXPIRES_SECONDS = 7 * 24 * 3600  # the signature's own limit

_FAILURES = (MinioException, HTTPError, OSError, ParseError, UnicodeDecodeError)
_AWAY = (
    "The object store does not answer as it should: check EASEL_S3_ENDPOINT and the server behind it, then try again."
)
_REFUSED = (
    "The object store refuses Easel: check EASEL_S3_ACCESS_KEY and EASEL_S3_SECRET_KEY, "
    "and that they may create, list, read and write the bucket EASEL_S3_BUCKET."
)
_FULL = "The object store is full: free space in it, or raise its quota, then try again."
_REGION = "The bucket is in another region: set EASEL_S3_REGION to the one it is in."
_SENTENCES = {
    "AccessDenied": _REFUSED,
    "InvalidAccessKeyId": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "RequestTimeTooSkewed": "The clocks of Easel and the object store differ too much: set both to the same time.",
    "NoSuchBucket": "The bucket is gone: create it, or set EASEL_S3_BUCKET to one that is there.",
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "QuotaExceeded": _FULL,
    "XMinioStorageFull": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
}


@dataclass(eq=False)
class S3Objects:
    """
    An ObjectStore in one bucket. `endpoint` is a URL, as `http://127.0.0.1:9000`; `public_endpoint` is the one that
    browsers reach it by, where that is another.

    `connect_seconds` also limits the sending of each 256 KiB, `read_seconds` each silence of the server,
    `limit_seconds` a call with its retries.
    """

    endpoint: str
    access_key: str
    secret_key: str = field(repr=False)
    bucket: str
    region: str = "us-east-1"
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    limit_seconds: float = 90.0
    threads: int = 16
    public_endpoint: str | None = None

    def __post_init__(self) -> None:
        self._client = _connect(self, self.endpoint)
        self._outside = _connect(self, self.public_endpoint or self.endpoint)  # which is only asked for addresses
        self._threads = Threads(_FAILURES, _explain, limit_seconds=self.limit_seconds, threads=self.threads)

    async def ensure_bucket(self) -> None:
        """Create the bucket unless it is there; the first sign of wrong settings."""
        await self._threads.run(self._ensure_bucket)

    async def put(self, key: str, data: bytes, mime_type: str) -> None:
        await self._threads.run(self._upload, require_key(key), data, mime_type)

    async def get(self, key: str) -> bytes:
        return await self._threads.run(self._download, require_key(key))

    def stream(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        length = length_of(start, end)
        return self._threads.chunks(partial(self._open, require_key(key), start, length or 0), length)

    def walk(self) -> AsyncGenerator[list[StoredObject], None]:
        return self._threads.pages(self._walk())

    async def get_up_to(self, key: str, most_bytes: int) -> bytes:
        return await self._threads.run(self._download, require_key(key), most_bytes + 1)

    async def delete(self, key: str) -> None:
        await self._threads.run(self._remove, require_key(key))

    async def presigned_url(self, key: str, *, expires_seconds: int) -> str | None:
        _require_lifetime(expires_seconds)
        lifetime = timedelta(seconds=expires_seconds)
        return self._client.presigned_get_object(self.bucket, require_key(key), expires=lifetime)

    async def presigned_put(self, key: str, mime_type: str, size_bytes: int, *, expires_seconds: int) -> str | None:
        """The store refuses another type or length than these; what the bytes are it does not look at."""
        _require_lifetime(expires_seconds)
        placed = self._outside.get_presigned_url("PUT", self.bucket, require_key(key))
        return signed_put(
            placed.partition("?")[0],
            Signer(self.access_key, self.secret_key, self.region),
            {"content-length": str(size_bytes), "content-type": mime_type},
            expires_seconds=expires_seconds,
        )

    def _ensure_bucket(self) -> None:
        if self._client.bucket_exists(self.bucket):
            return
        try:
            self._client.make_bucket(self.bucket)
        except S3Error as error:
            if error.code != "BucketAlreadyOwnedByYou":  # another process was quicker
                raise

    def _upload(self, key: str, data: bytes, mime_type: str) -> None:
        # One part, whatever the size: a single PUT is atomic, and has no parts to leave behind.
        part_bytes = max(len(data), MIN_PART_SIZE)
        self._client.put_object(self.bucket, key, BytesIO(data), len(data), mime_type, part_size=part_bytes)

    def _download(self, key: str, most_bytes: int | None = None) -> bytes:
        with closing(self._open(key)) as response:
            return response.read(most_bytes)

    def _open(self, key: str, start: int = 0, length: int = 0) -> BaseHTTPResponse:
        """From `start` on, `length` bytes, or with 0 all there are."""
        return self._client.get_object(self.bucket, key, offset=start, length=length)

    def _walk(self) -> Generator[StoredObject, None, None]:
        for told in self._client.list_objects(self.bucket, recursive=True):
            if told.object_name and told.last_modified:
                yield StoredObject(told.object_name, told.size or 0, told.last_modified)

    def _remove(self, key: str) -> None:
        try:
            self._client.remove_object(self.bucket, key)
        except S3Error as error:
            if error.code != "NoSuchKey":  # some servers do say so
                raise


def _require_lifetime(expires_seconds: int) -> None:
    if not 1 <= expires_seconds <= _MAX_EXPIRES_SECONDS:
        raise InvalidInput("A signed URL expires after 1 second to 7 days", field="expiresSeconds")


class _BlockwisePool(PoolManager):
    """Sends bodies block by block: given whole to the socket, all of a body has to be sent within `connect_seconds`."""

    def urlopen(self, method: str, url: str, *arguments: Any, **options: Any) -> BaseHTTPResponse:
        if body := options.get("body"):
            options["body"] = BytesIO(body)
        return super().urlopen(method, url, *arguments, **options)


def _connect(to: S3Objects, endpoint: str) -> Minio:
    scheme, _, address = endpoint.rstrip("/").partition("://")
    try:
        if scheme not in {"http", "https"} or not address:
            raise ValueError("the endpoint is a URL such as http://127.0.0.1:9000")  # noqa: TRY301 - said as minio does
        check_bucket_name(to.bucket, strict=True)
        return Minio(
            address, to.access_key, to.secret_key, secure=scheme == "https", region=to.region, http_client=_pool(to)
        )
    except ValueError as error:
        raise InvalidInput(
            f"Invalid EASEL_S3_ENDPOINT, EASEL_S3_PUBLIC_ENDPOINT, EASEL_S3_BUCKET or EASEL_S3_REGION: {error}"
        ) from error


def _pool(to: S3Objects) -> PoolManager:
    retries = Retry(
        total=2,
        redirect=0,
        backoff_factor=0.2,
        status_forcelist=(500, 502, 503, 504),
        raise_on_status=False,
        raise_on_redirect=False,
        respect_retry_after_header=False,  # it may ask for hours
    )
    timeout = Timeout(connect=to.connect_seconds, read=to.read_seconds)
    return _BlockwisePool(maxsize=to.threads, blocksize=CHUNK_BYTES, timeout=timeout, retries=retries)


def _explain(error: Exception) -> DomainError:
    code = error.code if isinstance(error, S3Error) else None
    return not_found() if code == "NoSuchKey" else unavailable(_SENTENCES.get(code or "", _AWAY))
