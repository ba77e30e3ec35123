"""Why a socket is closed: the codes that clients read."""

from enum import IntEnum

from domain.errors import DomainError

MOST_REASON_BYTES = 123  # of a WebSocket close frame (RFC 6455, 5.5)


class CloseCode(IntEnum):
    """Those of the WebSocket and graphql-transport-ws protocols, and from 4419 to 4421 our own."""

    DONE = 1000
    FAILED = 1011
    RESTART = 1012
    TRY_AGAIN_LATER = 1013
    NOT_THE_PROTOCOL = 4400
    NOT_INTRODUCED = 4401
    FORBIDDEN = 4403
    NO_SUCH_SUBPROTOCOL = 4406
    INTRODUCED_TOO_LATE = 4408
    ID_IN_USE = 4409
    NO_LONGER_VALID = 4419
    TOO_SLOW = 4420
    IDLE = 4421
    INTRODUCED_TWICE = 4429


class Closed(Exception):
    """The socket is to be closed with this code, for this reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


def refused(error: DomainError) -> Closed:
    """Who is not let in: for good, or for now."""
    return Closed(CloseCode.FORBIDDEN if error.http_status < 429 else CloseCode.TRY_AGAIN_LATER, error.message)


def short_reason(reason: str) -> str:
    """As much of a reason as fits into a close frame."""
    return reason.encode("utf-8", "replace")[:MOST_REASON_BYTES].decode("utf-8", "ignore")
