"""Every setting, read once from the environment."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    AnyHttpUrl,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.setting_values import (
    checked_bare_url,
    checked_database_url,
    checked_redis_url,
    checked_secure_url,
    read_networks,
    split_at_commas,
)
from domain.errors import InvalidInput

PREFIX = "EASEL_"
TEST_PREFIX = "EASEL_TEST_"


class Settings(BaseSettings):
    """Read from variables that begin with `EASEL_`; nothing set means: everything embedded."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", populate_by_name=True)

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="How the outside reaches this server; http://HOST:PORT when unset."
    )
    data_dir: Path = Field(Path(".easel"), description="Where secrets, the embedded database and files are kept.")
    flags_file: Path | None = Field(
        None, description='JSON file of feature flags, as {"step-cache": false}; read at the start.'
    )
    log_format: Literal["auto", "pretty", "json"] = Field(
        "auto", description="How log lines look; auto is pretty on a terminal, else JSON."
    )

    database_url: Annotated[str, AfterValidator(checked_database_url)] | None = Field(
        None,
        description="PostgreSQL 15 or newer, as postgresql+asyncpg://USER:PASSWORD@HOST/NAME; embedded when unset.",
    )
    database_connections: int = Field(20, ge=2, le=500, description="Most connections to the database, per process.")
    redis_url: Annotated[str, AfterValidator(checked_redis_url)] | None = Field(
        None,
        description="Redis 7 or Valkey 8: carries live events between processes, counts limits for all of them, and "
        "knows who is present; when unset, PostgreSQL carries, and each process counts and knows alone.",
    )
    s3_endpoint: AnyHttpUrl | None = Field(None, description="S3 or MinIO for pictures, as a URL; files when unset.")
    s3_access_key: str = Field("", description="Access key of the object store.")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="Secret key of the object store.")
    s3_bucket: str = Field("easel", description="Bucket of the object store; made if missing.")
    s3_region: str = Field("us-east-1", description="Region of the object store.")
    s3_public_endpoint: AnyHttpUrl | None = Field(
        None, description="The object store as browsers reach it, where that is another URL: pictures are sent there."
    )
    image_max_pixels: int = Field(
        50_000_000, ge=1_000_000, le=170_000_000, description="Most pixels a picture may have that comes in."
    )
    shot_max_bytes: int = Field(
        104_857_600,
        ge=1_048_576,
        le=1_073_741_824,
        description="Most bytes a picture may have that is brought for a film shot; others have 5 MB at most.",
    )
    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="What keys, tokens and cursors are signed with; kept in the data directory when unset.",
    )

    jwks_url: Annotated[AnyHttpUrl, AfterValidator(checked_secure_url)] | None = Field(
        None,
        description="Where an identity provider shows its public keys (JWKS); its RS256, ES256 and EdDSA tokens count.",
    )
    jwt_issuer: str | None = Field(
        None, min_length=1, description="The identity provider's name, the `iss` of its tokens; set it with the URL."
    )
    jwt_audience: str = Field("easel", min_length=1, description="The `aud` of the identity provider's tokens.")
    jwt_leeway_seconds: float = Field(
        10, ge=0, le=300, description="How far clocks may differ before a token is too old or too new, in seconds."
    )
    trusted_proxies: Annotated[
        tuple[IPv4Network | IPv6Network, ...],
        NoDecode,
        BeforeValidator(read_networks),
        Field(description="Networks of the proxies in front, as 10.0.0.0/8,::1/128: X-Forwarded-For counts from them."),
    ] = ()
    limits_when_away: Literal["allow", "refuse"] = Field(
        "allow",
        description="Rate limits while Redis is away: allow lets each process count alone, refuse answers 503.",
    )
    cost_per_minute: int = Field(
        3_000_000,
        ge=20_000,
        le=1_000_000_000_000,
        description="Most objects that the GraphQL operations of one key or person may ask for in a minute.",
    )
    project_requests_per_minute: int = Field(
        60_000, ge=1, le=1_000_000_000, description="Most requests a minute that start work in one project."
    )
    address_requests_per_minute: int = Field(
        30_000, ge=1, le=1_000_000_000, description="Most requests a minute of one address to what needs no key."
    )
    address_failures_per_minute: int = Field(
        300, ge=1, le=1_000_000, description="Most keys and tokens a minute that one address may try without success."
    )

    workers: int = Field(8, ge=0, le=1000, description="Steps this process works on at once; 0 serves the API alone.")
    step_seconds: float = Field(180, gt=0, le=86_400, description="Longest one attempt at a step may take, in seconds.")
    lease_seconds: float = Field(
        10, ge=2, le=600, description="After how many seconds without a sign of life a worker's steps are taken over."
    )
    project_steps: int = Field(
        200, ge=1, le=100_000, description="Most steps of one project that all workers together work on at once."
    )
    provider_steps: int = Field(
        50, ge=1, le=100_000, description="Most steps that all workers together have with one AI provider at once."
    )
    drain_seconds: float = Field(
        10, ge=0, le=3600, description="How long stopping waits for what is under way, in seconds."
    )
    feed_check_seconds: float = Field(
        3, gt=0, le=60, description="How often live feeds are compared with the database, in seconds."
    )
    socket_init_seconds: float = Field(
        10, gt=0, le=600, description="How long a socket may wait before it says who it is, in seconds."
    )
    socket_recheck_seconds: float = Field(
        15, gt=0, le=25, description="How often a socket's key or token is looked at again, in seconds."
    )
    presence_seconds: float = Field(
        10, ge=1, le=300, description="How long someone who is cut off still counts as present, in seconds, at least."
    )
    socket_idle_seconds: float = Field(
        300, gt=0, le=86_400, description="How long a socket may have nothing to do and say nothing, in seconds."
    )
    sockets_per_caller: int = Field(
        1_000, ge=1, le=1_000_000, description="Most sockets and event streams a key or person may have per process."
    )
    most_body_bytes: int = Field(1_048_576, ge=1024, le=1_073_741_824, description="Largest request body, in bytes.")
    allowed_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(split_at_commas),
        Field(
            description="Origins of pages on other hosts that may connect, as https://studio.example,https://b.example."
        ),
    ] = ()

    cdn_alias_max_age_seconds: int = Field(
        31_536_000,
        ge=0,
        le=31_536_000,
        description="How long browsers and caches may keep what an alias stands for, in seconds.",
    )
    cdn_sizes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=8_192)], ...],
        NoDecode,
        BeforeValidator(split_at_commas),
        Field(description="Widths and heights, in pixels, that pictures may be asked for in by ?w= and ?h=."),
    ] = (16, 32, 48, 64, 96, 128, 192, 256, 320, 384, 512, 640, 768, 960, 1024, 1280, 1536, 1920, 2048)
    cdn_variants_per_image: int = Field(
        100, ge=1, le=10_000, description="Most sizes and formats of one image that are kept; the oldest go first."
    )

    webhook_allow_loopback: bool = Field(
        default=False, description="Whether webhooks may be sent to this machine itself, by http:// and to any port."
    )
    webhook_allow_hosts: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(split_at_commas),
        Field(description="Hosts inside a private network that webhooks may be sent to, as hooks.internal,10.0.0.5."),
    ] = ()
    live_blocked_words: Annotated[
        tuple[str, ...],
        NoDecode,
        BeforeValidator(split_at_commas),
        Field(description="Words that no prompt of a live URL's visitor may have, as gore,some brand."),
    ] = ()
    webhook_seconds: float = Field(15, gt=0, le=60, description="How long a webhook's receiver may take, in seconds.")
    webhook_senders: int = Field(
        16, ge=1, le=1_000, description="Most webhook messages that this process sends at once."
    )

    openai_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key"),
        description="Key for OpenAI or a compatible server; the built-in sketch provider draws when unset.",
    )
    sketch_side_pixels: int = Field(
        1024, ge=256, le=1024, description="Longer side of what the built-in sketch provider draws, in pixels."
    )
    openai_base_url: str | None = Field(None, description="Address of a compatible server; OpenAI's own when unset.")
    openai_image_model: str = Field("gpt-image-2.5-flare", description="Model that makes pictures.")
    openai_text_model: str = Field("gpt-5.4-mini", description="Model that enhances prompts.")
    openai_image_credits: Decimal = Field(Decimal(1), ge=0, description="Credits for one picture.")
    openai_text_credits: Decimal = Field(Decimal("0.1"), ge=0, description="Credits for one enhanced prompt.")
    openai_timeout_seconds: float = Field(170, gt=0, le=3600, description="Longest wait for an answer, in seconds.")

    comfyui_url: Annotated[
        tuple[Annotated[AnyHttpUrl, AfterValidator(checked_bare_url)], ...],
        NoDecode,
        BeforeValidator(split_at_commas),
        Field(description="ComfyUI servers that make pictures from graphs, as http://gpu-1:8188,http://gpu-2:8188."),
    ] = ()
    comfyui_credits: Decimal = Field(Decimal(0), ge=0, description="Credits for one graph run by ComfyUI.")
    comfyui_timeout_seconds: float = Field(
        900,
        gt=0,
        le=86_400,
        description="Longest a graph may take at ComfyUI, the wait in its queue included, in seconds.",
    )

    @model_validator(mode="after")
    def _has_both_keys_of_the_object_store(self) -> Self:
        if self.s3_endpoint and not (self.s3_access_key and self.s3_secret_key.get_secret_value()):
            raise ValueError("EASEL_S3_ENDPOINT: set EASEL_S3_ACCESS_KEY and EASEL_S3_SECRET_KEY too, or none of them")
        return self

    @model_validator(mode="after")
    def _knows_the_identity_provider_by_url_and_name(self) -> Self:
        if bool(self.jwks_url) != bool(self.jwt_issuer):
            raise ValueError("EASEL_JWKS_URL: set EASEL_JWT_ISSUER too, or none of them")
        return self

    def url(self, port: int | None = None) -> str:
        """The address of this server, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104 - not bound to, only told
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port if port is None else port}"


def variable(name: str) -> str:
    """The environment variable of a setting."""
    alias = Settings.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"{PREFIX}{name.upper()}"


def read_settings(**given: object) -> Settings:
    """Settings of the environment; `given` ones that are not None go before. Raises InvalidInput if one is broken."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        raise InvalidInput("\n".join(_told(error))) from error


def _told(error: ValidationError) -> Iterator[str]:
    """A sentence for each setting that is broken, with its variable."""
    for problem in error.errors():
        name, sentence = str(next(iter(problem["loc"]), "")), problem["msg"].removeprefix("Value error, ")
        told = variable(name) if name in Settings.model_fields else name
        yield f"{told}: {sentence}" if told else sentence


def misspelled(names: Iterable[str]) -> Iterator[str]:
    """A sentence for each variable that looks like a setting and is none."""
    known = [variable(name) for name in Settings.model_fields]
    for name in sorted(names):
        if name.upper().startswith(PREFIX) and name.upper() not in known and not name.startswith(TEST_PREFIX):
            close = get_close_matches(name.upper(), known, n=1)
            yield f"{name} is not a setting and changes nothing" + (f"; did you mean {close[0]}?" if close else "")
