"""Settings: read from the environment, and what is said of those that are broken."""

from decimal import Decimal

import pytest

from app.settings import Settings, misspelled, read_settings, variable
from domain.errors import InvalidInput

# What is set, and the words of the sentence that names it and says what to do.
MISTAKES = {
    "port-no-number": ({"EASEL_PORT": "abc"}, ("EASEL_PORT: ", "valid integer")),
    "port-too-large": ({"EASEL_PORT": "99999"}, ("EASEL_PORT: ", "less than or equal to 65535")),
    "workers-negative": ({"EASEL_WORKERS": "-1"}, ("EASEL_WORKERS: ", "greater than or equal to 0")),
    "database-nonsense": ({"EASEL_DATABASE_URL": "nonsense"}, ("EASEL_DATABASE_URL: ", "postgresql+asyncpg://USER")),
    "database-other": ({"EASEL_DATABASE_URL": "mysql://a/b"}, ("EASEL_DATABASE_URL: ", "postgresql+asyncpg://USER")),
    "redis-nonsense": ({"EASEL_REDIS_URL": "nonsense"}, ("EASEL_REDIS_URL: ", "redis://HOST:PORT")),
    "store-nonsense": ({"EASEL_S3_ENDPOINT": "nonsense"}, ("EASEL_S3_ENDPOINT: ", "valid URL")),
    "store-no-key": ({"EASEL_S3_ENDPOINT": "http://s3"}, ("EASEL_S3_ENDPOINT: ", "EASEL_S3_ACCESS_KEY")),
    "store-half-a-key": (
        {"EASEL_S3_ENDPOINT": "http://s3", "EASEL_S3_ACCESS_KEY": "studio"},
        ("EASEL_S3_ENDPOINT: ", "EASEL_S3_SECRET_KEY"),
    ),
    "comfyui-no-scheme": ({"EASEL_COMFYUI_URL": "http://a:1, gpu:8188"}, ("EASEL_COMFYUI_URL: ", "'http' or 'https'")),
    "comfyui-query": ({"EASEL_COMFYUI_URL": "http://a:1/?token=x"}, ("EASEL_COMFYUI_URL: ", "http://HOST:PORT")),
    "comfyui-no-time": ({"EASEL_COMFYUI_TIMEOUT_SECONDS": "0"}, ("EASEL_COMFYUI_TIMEOUT_SECONDS: ", "greater than 0")),
    "comfyui-pays": ({"EASEL_COMFYUI_CREDITS": "-1"}, ("EASEL_COMFYUI_CREDITS: ", "greater than or equal to 0")),
    "secret-too-short": ({"EASEL_SECRET_KEY": "short"}, ("EASEL_SECRET_KEY: ", "32")),
}
GOOD = {
    "EASEL_DATABASE_URL": "postgresql+asyncpg:///easel?host=/run/postgresql",
    "EASEL_REDIS_URL": "rediss://cache:6380/1",
    "EASEL_PORT": "0",
    "OPENAI_API_KEY": "sk-test",
}


def set_all(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_broken_setting_is_told_in_one_sentence_with_its_name(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    settings, words = MISTAKES[mistake]
    set_all(monkeypatch, settings)
    with pytest.raises(InvalidInput) as told:
        read_settings()
    assert "\n" not in told.value.message
    assert [word for word in words if word not in told.value.message] == []


def test_comfyui_servers_are_listed_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_COMFYUI_URL", "http://gpu-1:8188, https://gpu-2/comfy,")
    settings = read_settings()
    assert [str(url) for url in settings.comfyui_url] == ["http://gpu-1:8188/", "https://gpu-2/comfy"]
    assert (settings.comfyui_credits, settings.comfyui_timeout_seconds) == (Decimal(0), 900.0)


def test_all_broken_settings_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"EASEL_PORT": "abc", "EASEL_WORKERS": "-1"})
    with pytest.raises(InvalidInput) as told:
        read_settings()
    assert [line.partition(":")[0] for line in told.value.message.splitlines()] == ["EASEL_PORT", "EASEL_WORKERS"]


def test_good_settings_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, GOOD)
    found = read_settings(workers=3, host=None)
    assert (found.database_url, found.redis_url) == (GOOD["EASEL_DATABASE_URL"], GOOD["EASEL_REDIS_URL"])
    assert (found.port, found.workers, found.host) == (0, 3, "127.0.0.1")
    assert found.openai_api_key
    assert found.openai_api_key.get_secret_value() == "sk-test"


def test_a_variable_that_is_no_setting_is_told_with_the_nearest_one() -> None:
    told = list(misspelled(["EASEL_PROT", "EASEL_COLOUR_OF_THE_MOON", "EASEL_TEST_DATABASE_URL", "PATH"]))
    assert told == [
        "EASEL_COLOUR_OF_THE_MOON is not a setting and changes nothing",
        "EASEL_PROT is not a setting and changes nothing; did you mean EASEL_PORT?",
    ]


def test_no_setting_is_taken_for_a_misspelling() -> None:
    assert list(misspelled(variable(name) for name in Settings.model_fields)) == []
