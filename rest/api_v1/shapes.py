"""What callers see of each noun: the fields, in the order in which they come."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.aliases import AliasScope
from domain.flows import Flow
from domain.generations import Generation
from domain.ids import Id
from domain.images import Image
from domain.live_scopes import LiveScope
from domain.plain import decimal_string, plain, rfc3339
from storage.reads import Place

Shape = dict[str, Any]


def generation(one: Generation, images: Mapping[Id, Shape]) -> Shape:
    """`images` are those it may name, as they are shown; of one that is gone there is nothing to show."""
    return {
        "id": one.id,
        "projectId": one.project_id,
        "prompt": one.prompt,
        "originalPrompt": one.original_prompt,
        "autoEnhance": one.auto_enhance,
        "aspectRatio": one.aspect_ratio,
        "status": one.status.lower(),
        "outputImageId": one.output_image_id,
        "outputImage": images.get(one.output_image_id) if one.output_image_id else None,
        "referenceImages": [images[id_] for id_ in one.reference_image_ids if id_ in images],
        "flowId": one.flow_id,
        "processingTimeMs": one.processing_time_ms,
        "cost": decimal_string(one.cost) if one.cost else None,
        "retryCount": one.retry_count,
        "errorMessage": one.error_message,
        "meta": one.meta,
        "createdAt": rfc3339(one.created_at),
        "updatedAt": rfc3339(one.updated_at),
        "deletedAt": _moment(one.deleted_at),
    }


def image(one: Image, place: Place, public_url: str) -> Shape:
    return {
        "id": one.id,
        "projectId": one.project_id,
        "flowId": one.flow_id,
        "storageKey": one.storage_key,
        "storageUrl": f"{public_url}{one.path}",
        "mimeType": one.mime_type,
        "fileSize": one.file_size,
        "width": one.width,
        "height": one.height,
        "source": one.source.lower(),
        "alias": one.alias,
        "focalPoint": plain(one.focal_point),
        "fileHash": one.file_hash,
        "generationId": one.generation_id,
        "apiKeyId": one.api_key_id,
        "meta": one.meta,
        "createdAt": rfc3339(one.created_at),
        "updatedAt": rfc3339(one.updated_at),
        "deletedAt": _moment(one.deleted_at),
        "fileName": one.file_name,
        "cdnUrl": f"{public_url}{one.cdn_path(place.organization_slug, place.project_slug)}",
    }


def flow(one: Flow, generations: int, images: int) -> Shape:
    """With how many generations and images there are in it."""
    return {
        "id": one.id,
        "projectId": one.project_id,
        "aliases": dict(sorted(one.aliases.items())),
        "generationCount": generations,
        "imageCount": images,
        "meta": one.meta,
        "createdAt": rfc3339(one.created_at),
        "updatedAt": rfc3339(one.updated_at),
    }


def live_scope(one: LiveScope) -> Shape:
    return {
        "id": one.id,
        "projectId": one.project_id,
        "slug": one.slug,
        "allowNewGenerations": one.allow_new_generations,
        "newGenerationsLimit": one.new_generations_limit,
        "currentGenerations": one.current_generations,
        "lastGeneratedAt": _moment(one.last_generated_at),
        "whenSpent": one.when_spent,
        "meta": one.meta,
        "createdAt": rfc3339(one.created_at),
        "updatedAt": rfc3339(one.updated_at),
    }


def resolution(alias: str, scope: AliasScope, flow_id: Id | None, image_id: Id, shown: Shape) -> Shape:
    """Which image an alias means, and who knows it."""
    return {"alias": alias, "imageId": image_id, "scope": scope.lower(), "flowId": flow_id, "image": shown}


def removed(id_: Id) -> Shape:
    return {"id": id_, "deleted": True}


def _moment(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
