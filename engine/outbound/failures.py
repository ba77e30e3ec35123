"""Why nothing was answered, in words that tell nothing of the network behind."""

from enum import StrEnum


class Reason(StrEnum):
    URL_REFUSED = "URL_REFUSED"
    ADDRESS_REFUSED = "ADDRESS_REFUSED"
    HOST_NOT_FOUND = "HOST_NOT_FOUND"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    TLS_FAILED = "TLS_FAILED"
    TIMED_OUT = "TIMED_OUT"


SENTENCES: dict[Reason, str] = {
    Reason.URL_REFUSED: "Write the URL as https://HOST/PATH, in ASCII, without user name, fragment or unusual port",
    Reason.ADDRESS_REFUSED: "The host is not at a public address",
    Reason.HOST_NOT_FOUND: "The host's name could not be looked up",
    Reason.CONNECTION_FAILED: "The host could not be reached, or hung up before it had answered in HTTP",
    Reason.TLS_FAILED: "No secure connection could be made: check the host's certificate",
    Reason.TIMED_OUT: "The host did not answer in time",
}


class Undelivered(Exception):
    """No answer was received; the message may be shown to whoever chose the URL."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(SENTENCES[reason])
        self.reason = reason
        self.message = SENTENCES[reason]
