"""What goes wrong at OpenAI, told as ProviderError. Its own words stay out: they repeat prompts and keys."""

import re

import httpx2
from openai import APIError, APIStatusError, APITimeoutError

from domain.errors import ErrorCode
from domain.providers import ProviderError
from providers.openai_api.connection import UnreadableAnswer
from providers.openai_api.retry_after import retry_after_seconds

_NOTHING_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)
_CONTENT_CODES = {"content_policy_violation", "moderation_blocked"}
_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached"}
# A gateway that gave up waiting does not know what became of the call behind it.
_GATEWAY_TIMEOUTS = {504, 524}


def failure_of(error: APIError | TimeoutError, *, repeatable: bool) -> ProviderError:
    """What this means for the step; a `repeatable` call may be sent again when its answer is lost."""
    cause = error.__cause__
    if isinstance(error, APIStatusError):
        return _answered_failure(error, repeatable=repeatable)
    if isinstance(cause, UnreadableAnswer):
        return unusable_answer(str(cause))
    if isinstance(cause, _NOTHING_SENT):
        return ProviderError(
            ErrorCode.PROVIDER_FAILED,
            "OpenAI could not be reached: check the network and EASEL_OPENAI_BASE_URL",
            retryable=True,
        )
    if isinstance(error, TimeoutError | APITimeoutError):
        return _timed_out(repeatable=repeatable)
    return ProviderError(
        ErrorCode.OUTCOME_UNKNOWN,
        "The connection to OpenAI broke before its answer was complete: the call may have been charged",
        retryable=repeatable,
        outcome_unknown=True,
    )


def unusable_answer(what: str) -> ProviderError:
    """A charged answer that cannot be used: asking again would be charged again."""
    return ProviderError(
        ErrorCode.PROVIDER_FAILED, f"OpenAI answered with {what}: look at the server's own log", retryable=False
    )


def content_refused() -> ProviderError:
    return ProviderError(
        ErrorCode.PROVIDER_REFUSED,
        "OpenAI refuses this content: change the prompt or the reference pictures",
        retryable=False,
    )


def _answered_failure(error: APIStatusError, *, repeatable: bool) -> ProviderError:
    status = error.status_code
    if error.code in _CONTENT_CODES:
        return content_refused()
    if error.code in _QUOTA_CODES:
        return ProviderError(
            ErrorCode.QUOTA_EXCEEDED, "The OpenAI account has used up its quota: check its billing", retryable=False
        )
    if status in {401, 403}:
        return ProviderError(
            ErrorCode.PROVIDER_FAILED, f"OpenAI refused the key ({status}): check OPENAI_API_KEY", retryable=False
        )
    if status in _GATEWAY_TIMEOUTS:
        return _timed_out(repeatable=repeatable)
    if status in {408, 409, 429} or status >= 500:
        return ProviderError(
            ErrorCode.PROVIDER_FAILED,
            f"OpenAI is too busy or has failed ({status}): try again later",
            retryable=True,
            retry_after_seconds=retry_after_seconds(error.response.headers),
        )
    return ProviderError(
        ErrorCode.PROVIDER_FAILED,
        f"OpenAI does not accept this request ({status}{_printable_code(error.code)}): check the model and its inputs",
        retryable=False,
    )


def _timed_out(*, repeatable: bool) -> ProviderError:
    return ProviderError(
        ErrorCode.PROVIDER_TIMEOUT,
        "OpenAI did not answer in time: the call may have been charged",
        retryable=repeatable,
        outcome_unknown=True,
    )


def _printable_code(code: str | None) -> str:
    return f", {code}" if code and re.fullmatch(r"[a-z_]{1,64}", code) else ""
