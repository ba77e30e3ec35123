"""The one table of errors."""

import pytest

from domain.errors import HTTP_STATUS, DomainError, ErrorCode, InvalidInput

OUR_FAULT = {"UNAVAILABLE", "INTERNAL"}
A_PROVIDERS_FAULT = {"PROVIDER_FAILED", "PROVIDER_TIMEOUT", "DEADLINE_EXCEEDED", "OUTCOME_UNKNOWN"}


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_status_and_its_own_name(code: ErrorCode) -> None:
    assert 400 <= HTTP_STATUS[code] < 600
    assert code.name == code.value


def test_only_our_own_and_a_providers_failures_are_5xx() -> None:
    assert {code for code, status in HTTP_STATUS.items() if status >= 500} == OUR_FAULT | A_PROVIDERS_FAULT


def test_what_is_not_there_is_404() -> None:
    absent = {code for code, status in HTTP_STATUS.items() if status == 404}
    assert absent == {code for code in ErrorCode if code.endswith("NOT_FOUND")}


def test_an_error_carries_its_code_and_what_helps() -> None:
    error = DomainError(ErrorCode.RATE_LIMITED, "Slowly", retryAfter=3)
    assert (error.http_status, error.extensions) == (429, {"code": "RATE_LIMITED", "retryAfter": 3})
    assert str(error) == "Slowly"


def test_bad_input_is_a_value_error_that_names_its_field() -> None:
    error = InvalidInput("No", field="name")
    assert isinstance(error, ValueError)
    assert error.extensions == {"code": "VALIDATION_ERROR", "field": "name"}
    assert InvalidInput("No").extensions == {"code": "VALIDATION_ERROR"}
