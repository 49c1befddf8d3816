"""What people keep to use again: templates, presets, projects, the prompts that were sent, and drafts.

Orders ── Library: one name, one template; of two people who save the same name, the second is told

A name is unique by the table's own rule, and a change is guarded by the moment of the one it was made from.
"""

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from sqlalchemy import Column, ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from kie.errors import NameTaken
from kie.orders import Orders
from kie.schema import drafts, jobs, presets, template_stars, templates
from kie.templates import NAME_LIMIT, Imported, PastPrompt, Preset, Template

LISTED = 200
DRAFT_LIFE_S = 30 * 86_400.0
# Former prompts are looked for in the newest jobs, then in twice as many before them, and so on.
FIRST_STEP, STEPS = 1000, 7
SEARCH_LIMIT, WORDS_LIMIT = 200, 10


class Library(Orders):
    """The part of the store that keeps what is used again."""

    def open(self) -> None:
        """Make the tables and drop what nobody can want any more. Raises SettingsInvalid when the database can't be used."""
        super().open()
        with self._write() as db:
            db.execute(delete(drafts).where(drafts.c.changed_at < time.time() - DRAFT_LIFE_S))
            # A deleted template keeps its stars for as long as it may be put back.
            db.execute(delete(template_stars).where(template_stars.c.template_id.not_in(select(templates.c.id))))

    # -- templates

    def templates(self, person: str, search: str = "", limit: int | None = LISTED) -> list[Template]:
        """Return the templates with all words of a search in name or prompt: a person's starred ones first, then by name."""
        stars = template_stars.c
        mine = and_(stars.template_id == templates.c.id, stars.person == person)
        query = (
            select(templates, stars.person.is_not(None).label("is_starred"))
            .join(template_stars, mine, isouter=True)
            .where(_mention(search, templates.c.name, templates.c.prompt))
            .order_by(stars.person.is_(None), func.lower(templates.c.name), templates.c.name)
            .limit(limit)
        )
        with self._read() as db:
            return [Template(**row._mapping) for row in db.execute(query)]

    def add_template(self, name: str, prompt: str, person: str, now: float, replace: bool = False) -> None:
        """Keep a template. Raises NameTaken when there is one of this name, unless that is to be replaced."""
        row = {"name": name, "prompt": prompt, "person": person, "changed_at": now}
        same = update(templates).where(templates.c.name == name).values(row)
        try:
            with self._write() as db:
                self._one_at_a_time(db)
                if not replace or db.execute(same).rowcount == 0:
                    db.execute(insert(templates).values(row | {"id": secrets.token_hex(16)}))
        except IntegrityError:
            raise NameTaken from None

    def change_template(self, seen: Template, name: str, prompt: str, person: str, now: float) -> bool:
        """Change a template that still is as it was seen, and say whether it was. Raises NameTaken."""
        guarded = update(templates).where(templates.c.id == seen.id, templates.c.changed_at == seen.changed_at)
        try:
            with self._write() as db:
                changed = db.execute(guarded.values(name=name, prompt=prompt, person=person, changed_at=now))
                return changed.rowcount == 1
        except IntegrityError:
            raise NameTaken from None

    def delete_template(self, template_id: str) -> Template | None:
        """Delete a template and return it, for `put_back`; None when it is gone already."""
        with self._write() as db:
            row = db.execute(select(templates).where(templates.c.id == template_id)).first()
            db.execute(delete(templates).where(templates.c.id == template_id))
            return Template(**row._mapping) if row else None

    def put_back(self, template: Template) -> None:
        """Keep a deleted template again, with everybody's stars, under another name if its own was taken meanwhile."""
        with self._write() as db:
            self._one_at_a_time(db)
            taken = self._prompts_by_name(db)
            if db.scalar(select(templates.c.id).where(templates.c.id == template.id)) is None:
                row = asdict(template) | {"name": next(name for name in _names(template.name) if name not in taken)}
                del row["is_starred"]
                db.execute(insert(templates).values(row))

    def star_template(self, template_id: str, person: str, starred: bool) -> None:
        """Set a person's star, or take it away."""
        star = {"template_id": template_id, "person": person}
        with self._write() as db:
            self._one_at_a_time(db)
            db.execute(delete(template_stars).where(*(template_stars.c[name] == star[name] for name in star)))
            if starred:
                db.execute(insert(template_stars).values(star))

    def add_templates(self, entries: Iterable[tuple[str, str]], person: str, now: float) -> Imported:
        """Keep these names and prompts, all or none. One that is here already is skipped; another prompt for a name becomes "NAME (2)"."""
        rows, counted = [], Counter()
        with self._write() as db:
            self._one_at_a_time(db)
            taken = self._prompts_by_name(db)
            for name, prompt in entries:
                kept = next(other for other in _names(name) if taken.get(other, prompt) == prompt)
                if kept in taken:
                    counted["skipped"] += 1
                    continue
                counted["added" if kept == name else "renamed"] += 1
                taken[kept] = prompt
                rows.append(
                    {"id": secrets.token_hex(16), "name": kept, "prompt": prompt, "person": person, "changed_at": now}
                )
            if rows:
                db.execute(insert(templates), rows)
        return Imported(counted["added"], counted["renamed"], counted["skipped"])

    def _prompts_by_name(self, db: Connection) -> dict[str, str]:
        return dict(db.execute(select(templates.c.name, templates.c.prompt)).all())

    # -- projects and their presets

    def projects(self, limit: int = LISTED) -> list[str]:
        """Return the projects of all jobs and presets, the one used last first."""
        # From one name to the next in the index: a job's row is never read, however many there are.
        first = select(func.min(jobs.c.project).label("name")).cte("names", recursive=True)
        following = select(func.min(jobs.c.project)).where(jobs.c.project > first.c.name).scalar_subquery()
        names = first.union_all(select(following).where(first.c.name.is_not(None)))
        last = select(func.max(jobs.c.created_at)).where(jobs.c.project == names.c.name).scalar_subquery()
        kept = select(presets.c.project, func.max(presets.c.changed_at)).group_by(presets.c.project)
        with self._read() as db:
            rows = [*db.execute(select(names.c.name, last).where(names.c.name.is_not(None))), *db.execute(kept)]
        used = {name: at for name, at in sorted(rows, key=lambda row: row[1]) if name}
        return sorted(used, key=used.__getitem__, reverse=True)[:limit]

    def presets(self, project: str | None) -> list[Preset]:
        """Return the presets of a project, or those without one, by name."""
        query = select(presets).where(presets.c.project == (project or ""))
        with self._read() as db:
            rows = db.execute(query.order_by(func.lower(presets.c.name), presets.c.name))
            return [_preset(row) for row in rows]

    def keep_preset(self, preset: Preset, replace: bool = False) -> None:
        """Keep settings for a project. Raises NameTaken when it has a preset of this name, unless that is to be replaced."""
        row = asdict(preset) | {"project": preset.project or ""}
        same = and_(presets.c.project == row["project"], presets.c.name == row["name"])
        try:
            with self._write() as db:
                self._one_at_a_time(db)
                if replace:
                    db.execute(delete(presets).where(same))
                db.execute(insert(presets).values(row))
        except IntegrityError:
            raise NameTaken from None

    def delete_preset(self, preset_id: str) -> Preset | None:
        """Delete a preset and return it, so that it can be kept again; None when it is gone already."""
        with self._write() as db:
            row = db.execute(select(presets).where(presets.c.id == preset_id)).first()
            db.execute(delete(presets).where(presets.c.id == preset_id))
            return _preset(row) if row else None

    # -- the prompts that were sent

    def prompts(self, search: str = "", person: str | None = None, limit: int = 30) -> list[PastPrompt]:
        """Return different prompts with all words of a search, a person's or everybody's, newest first.

        Looks through the newest 127,000 jobs at most, and no further than it has to; `times` counts what it came by.
        """
        at: dict[str, float] = {}
        times: Counter[str] = Counter()
        with self._read() as db:
            for rows in self._steps(db, search, person):
                for prompt, then, presses in rows:
                    at.setdefault(prompt, then)
                    times[prompt] += presses
                if len(at) >= limit:
                    break
            newest = dict(itertools.islice(at.items(), limit))
            asked = select(jobs.c.prompt, jobs.c.created_at, jobs.c.person)
            rows = db.execute(asked.where(jobs.c.created_at.in_(newest.values()))).all()
        persons = {(row.prompt, row.created_at): row.person for row in rows}
        return [PastPrompt(prompt, persons[prompt, then], then, times[prompt]) for prompt, then in newest.items()]

    def _steps(self, db: Connection, search: str, person: str | None) -> Iterator[Sequence[Row]]:
        """Walk through the jobs, newest first, and yield what each step has: prompts, their last times, their presses."""
        ahead = of_whom = jobs.c.person == person if person else true()
        newest = func.max(jobs.c.created_at)
        wanted = (
            select(jobs.c.prompt, newest, func.count(jobs.c.submit_id.distinct()))
            .where(_mention(search, jobs.c.prompt))
            .group_by(jobs.c.prompt)
            .order_by(newest.desc(), func.min(jobs.c.variant))
        )
        for step in range(STEPS):
            # The index alone tells where a step ends. Jobs of one moment, as those of one press, are all in one step.
            moments = select(jobs.c.created_at).where(ahead).order_by(jobs.c.created_at.desc())
            end = db.scalar(moments.offset(FIRST_STEP * 2**step - 1).limit(1))
            yield db.execute(wanted.where(ahead, jobs.c.created_at >= (end or 0.0))).all()
            if end is None:
                return
            ahead = and_(of_whom, jobs.c.created_at < end)

    # -- drafts

    def draft(self, draft_id: str) -> str | None:
        """Return what was kept under this id, if it was within the last 30 days."""
        with self._read() as db:
            return db.scalar(select(drafts.c.content).where(drafts.c.id == draft_id))

    def keep_draft(self, draft_id: str, content: str, now: float) -> None:
        """Keep what is not sent yet, in place of what was kept under this id before."""
        row = {"content": content, "changed_at": now}
        with self._write() as db:
            self._one_at_a_time(db)
            if db.execute(update(drafts).where(drafts.c.id == draft_id).values(row)).rowcount == 0:
                db.execute(insert(drafts).values(row | {"id": draft_id}))


def _mention(search: str, *columns: Column) -> ColumnElement[bool]:
    """All words of a search, each in one of these columns, whatever its case and whatever LIKE would take it for."""
    words = search[:SEARCH_LIMIT].split()[:WORDS_LIMIT]
    return and_(true(), *(or_(*(_holds(column, word) for column in columns)) for word in words))


def _holds(column: Column, word: str) -> ColumnElement[bool]:
    # SQLite knows the two cases of a letter in ASCII only.
    forms = {word} if word.isascii() else {word, word.lower(), word.upper(), word.capitalize()}
    return or_(*(column.icontains(form, autoescape=True) for form in sorted(forms)))


def _names(name: str) -> Iterator[str]:
    """Yield a name, then "NAME (2)" and so on, each as long as a name may be."""
    yield name
    for number in itertools.count(2):
        suffix = f" ({number})"
        yield name[: NAME_LIMIT - len(suffix)].rstrip() + suffix


def _preset(row: Row) -> Preset:
    return Preset(**dict(row._mapping) | {"project": row.project or None})
