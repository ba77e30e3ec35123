"""Webhooks: who is told what happens, and every message on its way."""

from datetime import datetime

from sqlalchemy import Boolean, Column, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from domain.webhook_deliveries import DeliveryStatus
from storage.columns import MOMENT, EntityId, Json, choice
from storage.tables.shape import id_column, metadata, reference, required, tenant

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    reference("run_id", "runs", null=True, cascade=True),
    required("url", Text),
    required("events", ARRAY(Text, as_tuple=True)),
    required("enabled", Boolean),
    Column("disabled_reason", Text),
    required("secret_version", Integer),
    required("rotations", Json(tuple[datetime, ...])),
    Column("failing_since", MOMENT),
    Column("failed_at", MOMENT),
    required("version", Integer),
    required("created_at", MOMENT),
    Column("deleted_at", MOMENT),
    Index(
        "ix_webhook_endpoints_project_id_id",
        "project_id",
        "id",
        postgresql_where=text("run_id IS NULL AND deleted_at IS NULL"),
    ),
    Index("ix_webhook_endpoints_run_id", "run_id", postgresql_where=text("run_id IS NOT NULL")),
)
webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    id_column(),
    tenant(),
    reference("project_id", "projects"),
    reference("endpoint_id", "webhook_endpoints", cascade=True),
    required("message_id", EntityId),
    required("event", Text),
    required("body", Text),
    required("status", choice(DeliveryStatus)),
    required("attempt", Integer),
    required("epoch", Integer),
    required("due_at", MOMENT),
    Column("response_status", Integer),
    Column("response_excerpt", Text),
    Column("error", Text),
    required("trace_id", Text),
    required("created_at", MOMENT),
    Column("finished_at", MOMENT),
    Index("ix_webhook_deliveries_endpoint_id_id", "endpoint_id", "id"),
    Index(
        "ix_webhook_deliveries_open",
        "endpoint_id",
        "due_at",
        "id",
        postgresql_where=text("status IN ('PENDING', 'SENDING')"),
    ),
    Index("ix_webhook_deliveries_sending", "endpoint_id", postgresql_where=text("status = 'SENDING'")),
    Index("ix_webhook_deliveries_created_at", "created_at"),
)
