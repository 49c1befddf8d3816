"""Adds what databases from before there were revisions may lack: columns, tables, and indexes."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None

COLUMNS = {
    "jobs": (
        *(sa.Column("row", sa.Integer), sa.Column("project", sa.String(80)), sa.Column("fingerprint", sa.String(64))),
        *(sa.Column("candidate", sa.String(200)), sa.Column("candidate_from", sa.String(10))),
        *(sa.Column("settled", sa.Text), sa.Column("failed_at", sa.Float), sa.Column("paused_at", sa.Float)),
        *(sa.Column("looks", sa.Integer), sa.Column("preview_problem", sa.String(40))),
        *(sa.Column("starred_at", sa.Float), sa.Column("starred_by", sa.String(200))),
        *(sa.Column("verdict", sa.String(8)), sa.Column("verdict_at", sa.Float)),
        *(sa.Column("verdict_by", sa.String(200)), sa.Column("note", sa.Text), sa.Column("note_at", sa.Float)),
        *(sa.Column("note_by", sa.String(200)), sa.Column("project_at", sa.Float)),
        *(sa.Column("project_by", sa.String(200)), sa.Column("binned_at", sa.Float)),
        *(sa.Column("binned_by", sa.String(200)), sa.Column("emptied_at", sa.Float)),
        sa.Column("version", sa.BigInteger),
    ),
    "references": (sa.Column("changed", sa.Text), sa.Column("job_id", sa.String(32))),
    "balances": (sa.Column("began", sa.Float),),
}
TABLES = {
    "job_tags": (
        *(sa.Column("job_id", sa.String(32), primary_key=True), sa.Column("tag", sa.String(40), primary_key=True)),
        *(sa.Column("at", sa.Float), sa.Column("person", sa.String(200))),
    ),
    "templates": (
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("prompt", sa.Text, nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    ),
    "template_stars": (
        sa.Column("template_id", sa.String(32), primary_key=True),
        sa.Column("person", sa.String(200), primary_key=True),
    ),
    "presets": (
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("project", sa.String(80), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("aspect_ratio", sa.String(8), nullable=False),
        sa.Column("resolution", sa.String(8), nullable=False),
        sa.Column("output_format", sa.String(8), nullable=False),
        sa.Column("images", sa.Integer, nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
        sa.UniqueConstraint("project", "name"),
    ),
    "drafts": (
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    ),
    "brakes": (
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        *(sa.Column("problem", sa.String(40)), sa.Column("detail", sa.Text)),
        *(sa.Column("since", sa.Float), sa.Column("try_at", sa.Float)),
        sa.Column("probed", sa.Integer, nullable=False),
    ),
    "parcels": (
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("made_at", sa.Float, nullable=False),
    ),
}
INDEXES = (
    ("jobs_same", "jobs", ["fingerprint"]),
    ("jobs_project", "jobs", ["project", "created_at"]),
    ("jobs_person", "jobs", ["person", "created_at"]),
    ("jobs_accepted", "jobs", ["state", "accepted_at", "credits", "price_expected"]),
    ("jobs_problem", "jobs", ["state", "problem", "settled"]),
    ("jobs_charged", "jobs", ["state", "credits", "settled"]),
    ("jobs_version", "jobs", ["version"]),
    ("jobs_binned", "jobs", ["binned_at"]),
    ("ix_references_job_id", "references", ["job_id"]),
    ("ix_job_tags_tag", "job_tags", ["tag"]),
    ("ix_drafts_changed_at", "drafts", ["changed_at"]),
    ("ix_parcels_made_at", "parcels", ["made_at"]),
)


def upgrade() -> None:
    """Add what is missing. Not each of these databases lacks the same."""
    present = sa.inspect(op.get_bind())
    for table, columns in COLUMNS.items():
        known = {column["name"] for column in present.get_columns(table)}
        for column in columns:
            if column.name not in known:
                op.add_column(table, column)
    for table, columns in TABLES.items():
        op.create_table(table, *columns, if_not_exists=True)
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns, if_not_exists=True)
