"""What a project's owner decides."""

from functools import partial
from typing import Any

import pytest
from hypothesis import given

from domain.errors import DomainError, ErrorCode, InvalidInput
from domain.projects import ProjectSettings
from tests.domain.building import ANY_JSON, refusal

DEFAULTS = ProjectSettings()


def test_settings_change_key_by_key() -> None:
    changed = DEFAULTS.changed({"allowNewLiveScopes": True}).changed({"retentionDays": 30})
    assert (changed.allow_new_live_scopes, changed.retention_days) == (True, 30)
    assert changed.nomenclature == DEFAULTS.nomenclature


def test_null_takes_a_setting_back_to_its_default() -> None:
    changed = DEFAULTS.changed({"maxAutoScopes": 5, "retentionDays": 30})
    assert changed.changed({"maxAutoScopes": None, "retentionDays": None}) == DEFAULTS


@pytest.mark.parametrize("key", ["allow_new_live_scopes", "colour", "", "__class__", "x" * 10_000])
def test_an_unknown_key_is_refused_with_those_that_are_known(key: str) -> None:
    with pytest.raises(InvalidInput, match="is not a setting; known: allowNewLiveScopes, ") as refused:
        DEFAULTS.changed({key: 1})
    assert len(refused.value.message) < 500


@pytest.mark.parametrize(
    ("key", "value", "meaning"),
    [
        ("allowNewLiveScopes", 1, "true or false"),
        ("allowNewLiveScopes", "true", "true or false"),
        ("maxAutoScopes", True, "a whole number"),
        ("maxAutoScopes", 1.0, "a whole number"),
        ("maxAutoScopes", -1, "a whole number from 0"),
        ("maxAutoScopes", 1_000_001, "1,000,000"),
        ("retentionDays", "30", "a whole number"),
        ("nomenclature", 5, "a text"),
        ("deployment", [], "a JSON object"),
        ("featureFlags", "on", "a JSON object"),
    ],
)
def test_a_value_of_another_type_is_refused(key: str, value: object, meaning: str) -> None:
    with pytest.raises(InvalidInput, match=f"settings.{key} must be .*{meaning}") as refused:
        DEFAULTS.changed({key: value})
    assert refused.value.details["field"] == f"settings.{key}"


@pytest.mark.parametrize("name", ["warp-drive", "", "STEP_CACHE", "introspection", "x" * 10_000])
def test_a_flag_that_no_project_has_is_refused_with_those_that_are_known(name: str) -> None:
    with pytest.raises(InvalidInput, match="is not a flag of a project; known: step-cache") as refused:
        DEFAULTS.changed({"featureFlags": {name: True}})
    assert refused.value.details["field"] == "settings.featureFlags"
    assert len(refused.value.message) < 500


@pytest.mark.parametrize("value", [None, 0, 1, "on", [], {}])
def test_a_flag_is_true_or_false(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"featureFlags\.step-cache must be true or false"):
        DEFAULTS.changed({"featureFlags": {"step-cache": value}})


def test_flags_are_replaced_whole() -> None:
    changed = DEFAULTS.changed({"featureFlags": {"step-cache": False}})
    assert changed.feature_flags == {"step-cache": False}
    assert changed.changed({"featureFlags": {}}) == changed.changed({"featureFlags": None}) == DEFAULTS


@pytest.mark.parametrize("template", ["", "{episode}.{ext}", "../{episode}_{sequence}-{plan}_{task}_v{version}.{ext}"])
def test_a_template_that_names_no_files_is_refused(template: str) -> None:
    with pytest.raises(DomainError, match=r"^settings\.nomenclature: ") as refused:
        DEFAULTS.changed({"nomenclature": template})
    assert (refused.value.code, refused.value.details) == ("NOMENCLATURE_INVALID", {"field": "settings.nomenclature"})


def test_a_template_that_names_files_is_kept() -> None:
    template = "{season}{episode}_{sequence}-{plan}_{task}_v{version:03}.{ext}"
    changed = DEFAULTS.changed({"nomenclature": template})
    assert changed.nomenclature == template
    assert changed.changed({"nomenclature": None}) == DEFAULTS


@pytest.mark.parametrize("settings", [[], "", 0, False, "x", [1]])
def test_settings_are_an_object(settings: Any) -> None:
    with pytest.raises(InvalidInput, match="settings must be a JSON object"):
        DEFAULTS.changed(settings)


@given(ANY_JSON)
def test_any_json_is_taken_or_refused(settings: Any) -> None:
    for value in (settings, {"deployment": settings}, {"featureFlags": settings}, {"retentionDays": settings}):
        refused = refusal(partial(DEFAULTS.changed, value))
        assert refused is None or refused.code is ErrorCode.VALIDATION_ERROR
