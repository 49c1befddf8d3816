"""The history is searched in SQL by one covering index: what the index in memory needed goes."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"

TRIGGERS = ("jobs_added", "jobs_changed", "job_tags_added", "job_tags_removed")
FUNCTIONS = ("jobs_changed", "job_tags_changed")
SEARCHED = (
    *("created_at", "variant", "id", "binned_at", "emptied_at", "state", "credits", "task_id", "problem", "settled"),
    *("candidate", "file", "person", "project", "aspect_ratio", "resolution", "output_format", "verdict", "starred_at"),
    *("width", "height", "file_kind", "has_references", "duration_s"),
)


def upgrade() -> None:
    """Drop the triggers, the index and the column of the versions of jobs; add `has_references` and the index of the search."""
    is_sqlite = op.get_context().dialect.name == "sqlite"
    for statement in (
        [f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS]
        if is_sqlite
        else [f"DROP FUNCTION IF EXISTS {name} CASCADE" for name in FUNCTIONS]
    ):
        op.execute(statement)
    op.drop_index("jobs_version", "jobs", if_exists=True)
    op.drop_column("jobs", "version")
    op.add_column("jobs", sa.Column("has_references", sa.Boolean))
    if is_sqlite:
        op.create_index("jobs_history", "jobs", list(SEARCHED))
