"""Templates, presets, projects, past prompts and drafts.

Names are unique by a constraint of the table. Changes are guarded by the timestamp of the version that was read.
"""

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from unicodedata import normalize

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    SelectBase,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from kie.errors import NameTaken, NothingSpent
from kie.generation import OPTIONS, Generation
from kie.prompts.templates import (
    NAME_LIMIT,
    Imported,
    PastPrompt,
    Preset,
    Template,
    check_preset,
    checked_name,
)
from kie.store.database import Database
from kie.store.schema import drafts, jobs, presets, template_stars, templates
from kie.text import person_name, project_name

LISTED = 200
DRAFT_LIFE_S = 30 * 86_400.0
# Past prompts are searched in the newest jobs, then in twice as many older ones, and so on.
FIRST_STEP, STEPS = 1000, 7
SEARCH_LIMIT, WORDS_LIMIT = 200, 10
NOT_AS_SEEN = "Somebody has changed or deleted this template meanwhile, so nothing was saved: look at it again."


def _projects() -> SelectBase:
    """Return the query of all names of projects, with the time of their last use."""
    # A loose index scan: the query goes from one distinct name to the next and reads no rows of jobs.
    first = select(func.min(jobs.c.project).label("name")).cte("names", recursive=True)
    following = select(func.min(jobs.c.project)).where(jobs.c.project > first.c.name).scalar_subquery()
    names = first.union_all(select(following).where(first.c.name.is_not(None)))
    last = select(func.max(jobs.c.created_at)).where(jobs.c.project == names.c.name).scalar_subquery()
    used = select(names.c.name, last).where(names.c.name.is_not(None))
    return used.union_all(select(presets.c.project, func.max(presets.c.changed_at)).group_by(presets.c.project))


PROJECTS = _projects()


class Library:
    """Templates, presets, projects, past prompts and drafts."""

    def __init__(self, database: Database):
        self._database = database

    @contextmanager
    def _naming(self) -> Iterator[Connection]:
        """Begin a write transaction. Raises NameTaken if it gives a name that exists."""
        try:
            with self._database.write() as db:
                yield db
        except IntegrityError:
            raise NameTaken from None

    def forget_expired(self) -> None:
        """Delete drafts unchanged for 30 days, and the stars of deleted templates."""
        with self._database.write() as db:
            db.execute(delete(drafts).where(drafts.c.changed_at < time.time() - DRAFT_LIFE_S))
            # The stars of a deleted template are kept until now, for `put_back`.
            db.execute(delete(template_stars).where(template_stars.c.template_id.not_in(select(templates.c.id))))

    def templates(self, person: str, search: str = "", limit: int | None = LISTED) -> list[Template]:
        """Return the templates whose name or prompt contains all words of `search`: those starred by `person` first, then by name."""
        stars = template_stars.c
        mine = and_(stars.template_id == templates.c.id, stars.person == person_name(person))
        query = (
            select(templates, stars.person.is_not(None).label("is_starred"))
            .join(template_stars, mine, isouter=True)
            .where(_mention(search, templates.c.name, templates.c.prompt))
            .order_by(stars.person.is_(None), func.lower(templates.c.name), templates.c.name)
            .limit(limit)
        )
        return [Template(**row._mapping) for row in self._database.rows(query)]

    def save_template(self, name: str, prompt: str, person: str, replace: bool = False) -> None:
        """Save a prompt under a name for everybody. Raises NothingSpent with the fault, NameTaken unless `replace` is set."""
        row = _template(name, prompt, person)
        same = update(templates).where(templates.c.name == row["name"]).values(row)
        with self._naming() as db:
            if not replace or db.execute(same).rowcount == 0:
                db.execute(insert(templates).values(row | {"id": secrets.token_hex(16)}))

    def change_template(self, seen: Template, name: str, prompt: str, person: str) -> None:
        """Change name and prompt of a template. Raises NameTaken, or NothingSpent with the fault, also if it was changed meanwhile."""
        row = _template(name, prompt, person)
        guarded = update(templates).where(templates.c.id == seen.id, templates.c.changed_at == seen.changed_at)
        with self._naming() as db:
            if db.execute(guarded.values(row)).rowcount != 1:
                raise NothingSpent(NOT_AS_SEEN)

    def delete_template(self, template_id: str) -> Template | None:
        """Delete a template and return it for `put_back`, or return None when it does not exist."""
        with self._database.write() as db:
            row = db.execute(delete(templates).where(templates.c.id == template_id).returning(templates)).first()
            return Template(**row._mapping) if row else None

    def put_back(self, template: Template) -> None:
        """Restore a deleted template with its stars, under another name if its own is taken by now."""
        with self._database.write() as db:
            taken = self._prompts_by_name(db)
            if db.scalar(select(templates.c.id).where(templates.c.id == template.id)) is None:
                row = asdict(template) | {"name": next(name for name in _names(template.name) if name not in taken)}
                del row["is_starred"]
                db.execute(insert(templates).values(row))

    def star_template(self, template_id: str, person: str, starred: bool) -> None:
        """Set or remove a person's star."""
        star = {"template_id": template_id, "person": person_name(person)}
        with self._database.write() as db:
            db.execute(delete(template_stars).filter_by(**star))
            if starred:
                db.execute(insert(template_stars).values(star))

    def add_templates(self, entries: Iterable[tuple[str, str]], person: str) -> Imported:
        """Save checked templates in one transaction. Existing ones with the same prompt are skipped; with another prompt, saved as "NAME (2)"."""
        rows, counted = [], Counter()
        with self._database.write() as db:
            taken = self._prompts_by_name(db)
            for name, prompt in entries:
                kept = next(other for other in _names(name) if taken.get(other, prompt) == prompt)
                if kept in taken:
                    counted["skipped"] += 1
                    continue
                counted["added" if kept == name else "renamed"] += 1
                taken[kept] = prompt
                rows.append(_template(kept, prompt, person) | {"id": secrets.token_hex(16)})
            if rows:
                db.execute(insert(templates), rows)
        return Imported(counted["added"], counted["renamed"], counted["skipped"])

    def _prompts_by_name(self, db: Connection) -> dict[str, str]:
        return dict(db.execute(select(templates.c.name, templates.c.prompt)).all())

    def projects(self) -> list[str]:
        """Return the projects of all jobs and presets, most recently used first."""
        rows = self._database.rows(PROJECTS)
        used = {name: at for name, at in sorted(rows, key=lambda row: row[1]) if name}
        return sorted(used, key=used.__getitem__, reverse=True)[:LISTED]

    def presets(self, project: str | None) -> list[Preset]:
        """Return the presets of a project, or those without a project, by name."""
        query = select(presets).where(presets.c.project == (project_name(project) or ""))
        rows = self._database.rows(query.order_by(func.lower(presets.c.name), presets.c.name))
        return [_preset(row) for row in rows]

    def save_preset(
        self, project: str | None, name: str, settings: Generation, images: int, person: str, replace: bool = False
    ) -> None:
        """Save the settings of a request under a name. Raises as `keep_preset` does, and NothingSpent with the fault."""
        named = (secrets.token_hex(16), project_name(project), checked_name(name))
        preset = Preset(*named, settings.options, images, person_name(person), time.time())
        check_preset(preset)
        self.keep_preset(preset, replace)

    def keep_preset(self, preset: Preset, replace: bool = False) -> None:
        """Save a preset. Raises NameTaken when the project has one of this name, unless `replace` is set."""
        row = asdict(preset) | {"project": preset.project or ""}
        row |= row.pop("options")
        same = and_(presets.c.project == row["project"], presets.c.name == row["name"])
        with self._naming() as db:
            if replace:
                db.execute(delete(presets).where(same))
            db.execute(insert(presets).values(row))

    def delete_preset(self, preset_id: str) -> Preset | None:
        """Delete a preset and return it, so that it can be saved again, or return None when it does not exist."""
        with self._database.write() as db:
            row = db.execute(delete(presets).where(presets.c.id == preset_id).returning(presets)).first()
            return _preset(row) if row else None

    def prompts(self, search: str = "", person: str | None = None, limit: int = 30) -> list[PastPrompt]:
        """Return distinct prompts that contain all words of `search`, of one person or of all, newest first.

        Searches the newest 127,000 jobs at most, and stops when there are enough. `times` counts the submissions
        searched.
        """
        at: dict[str, float] = {}
        times: Counter[str] = Counter()
        with self._database.read() as db:
            for rows in self._steps(db, search, person):
                for prompt, then, submissions in rows:
                    at.setdefault(prompt, then)
                    times[prompt] += submissions
                if len(at) >= limit:
                    break
            newest = dict(itertools.islice(at.items(), limit))
            used = select(jobs.c.prompt, jobs.c.created_at, jobs.c.person)
            rows = db.execute(used.where(jobs.c.created_at.in_(newest.values()))).all()
        persons = {(row.prompt, row.created_at): row.person for row in rows}
        return [PastPrompt(prompt, persons[prompt, then], then, times[prompt]) for prompt, then in newest.items()]

    def _steps(self, db: Connection, search: str, person: str | None) -> Iterator[Sequence[Row]]:
        """Search the jobs in steps, newest first. Yields the rows of each step: prompt, time of last use, number of submissions."""
        ahead = of_whom = jobs.c.person == person_name(person) if person else true()
        newest = func.max(jobs.c.created_at)
        found = (
            select(jobs.c.prompt, newest, func.count(jobs.c.submit_id.distinct()))
            .where(_mention(search, jobs.c.prompt))
            .group_by(jobs.c.prompt)
            .order_by(newest.desc(), func.min(jobs.c.variant))
        )
        for step in range(STEPS):
            # Answered by the index alone. Jobs of the same time, such as those of one submission, are all in one step.
            moments = select(jobs.c.created_at).where(ahead).order_by(jobs.c.created_at.desc())
            end = db.scalar(moments.offset(FIRST_STEP * 2**step - 1).limit(1))
            yield db.execute(found.where(ahead, jobs.c.created_at >= (end or 0.0))).all()
            if end is None:
                return
            ahead = and_(of_whom, jobs.c.created_at < end)

    def draft(self, draft_id: str) -> str | None:
        """Return the content of a draft, or None. Drafts are deleted 30 days after their last change."""
        return self._database.value(select(drafts.c.content).where(drafts.c.id == draft_id))

    def keep_draft(self, draft_id: str, content: str) -> None:
        """Save a draft, replacing the one with the same id."""
        row = {"content": content, "changed_at": time.time()}
        with self._database.write() as db:
            if db.execute(update(drafts).where(drafts.c.id == draft_id).values(row)).rowcount == 0:
                db.execute(insert(drafts).values(row | {"id": draft_id}))


def _mention(search: str, *columns: Column) -> ColumnElement[bool]:
    """Return the condition that each word of a search is in one of the columns. Case is ignored; LIKE wildcards are escaped."""
    words = search[:SEARCH_LIMIT].split()[:WORDS_LIMIT]
    return and_(true(), *(or_(*(_holds(column, word) for column in columns)) for word in words))


def _holds(column: Column, word: str) -> ColumnElement[bool]:
    # SQLite ignores case for ASCII only. Names are composed, prompts are as they were typed.
    cases = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    forms = {normalize(form, case) for form in ("NFC", "NFD") for case in cases}
    return or_(*(column.icontains(form, autoescape=True) for form in sorted(forms)))


def _names(name: str) -> Iterator[str]:
    """Yield a name, then "NAME (2)" and so on, each within the length limit."""
    yield name
    for number in itertools.count(2):
        suffix = f" ({number})"
        yield name[: NAME_LIMIT - len(suffix)].rstrip() + suffix


def _template(name: str, prompt: str, person: str) -> dict[str, Any]:
    """Return the columns of a saved template. Raises NothingSpent with the fault."""
    name = checked_name(name, prompt)
    return {"name": name, "prompt": prompt, "person": person_name(person), "changed_at": time.time()}


def _preset(row: Row) -> Preset:
    known = dict(row._mapping) | {"project": row.project or None}
    options = {option.name: known.pop(option.name) for option in OPTIONS}
    return Preset(**known, options=options)
