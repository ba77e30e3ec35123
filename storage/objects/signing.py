"""
URLs that let anyone PUT one object, and nothing else (AWS Signature Version 4, in the query).

The S3 client can sign the host alone; here headers are signed too, so that the store itself holds the sender to them.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlencode, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    access_key: str
    secret_key: str = field(repr=False)
    region: str


def signed_put(
    url: str, signer: Signer, headers: Mapping[str, str], *, expires_seconds: int, now: datetime | None = None
) -> str:
    """
    The URL with its signature; who uses it must send these headers, named in lower case, with these values.

    The path of the URL must not need quoting.
    """
    return _signed("PUT", url, signer, headers, expires_seconds, now or datetime.now(UTC))


def _signed(
    method: str, url: str, signer: Signer, headers: Mapping[str, str], expires_seconds: int, now: datetime
) -> str:
    parts = urlsplit(url)
    sent = dict(sorted({"host": parts.netloc, **headers}.items()))
    moment, scope = f"{now:%Y%m%dT%H%M%SZ}", f"{now:%Y%m%d}/{signer.region}/s3/aws4_request"
    query = urlencode(
        {
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{signer.access_key}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": expires_seconds,
            "X-Amz-SignedHeaders": ";".join(sent),
        },
        quote_via=quote,
        safe="~",
    )
    lines = [f"{name}:{value}" for name, value in sent.items()]
    request = "\n".join([method, parts.path, query, *lines, "", ";".join(sent), "UNSIGNED-PAYLOAD"])
    to_sign = "\n".join([_ALGORITHM, moment, scope, sha256(request.encode()).hexdigest()])
    signature = hmac.new(_key(signer, scope), to_sign.encode(), sha256).hexdigest()
    return f"{url}?{query}&X-Amz-Signature={signature}"


def _key(signer: Signer, scope: str) -> bytes:
    key = f"AWS4{signer.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), sha256)
    return key
