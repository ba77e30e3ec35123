"""jobs that providers can be asked after, and runs that stop part after part"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_STOPPING = "finished_at IS NULL AND (cancel_requested_at IS NOT NULL OR error IS NOT NULL)"


def upgrade() -> None:
    op.add_column("steps", sa.Column("job_id", sa.Text(), nullable=True))
    op.create_index("ix_runs_stopping", "runs", ["id"], unique=False, postgresql_where=sa.text(_STOPPING))


def downgrade() -> None:
    op.drop_index("ix_runs_stopping", table_name="runs")
    op.drop_column("steps", "job_id")
