"""Where what is used again is kept and found: templates, presets, projects, the prompts that were sent, drafts."""

import secrets
import time

from kie.desk import Desk
from kie.errors import NothingSpent
from kie.generation import Generation
from kie.names import person_name, project_name
from kie.templates import (
    Imported,
    PastPrompt,
    Preset,
    Template,
    check_preset,
    check_prompt,
    checked_name,
    read_file,
    write_file,
)

NOT_AS_SEEN = (
    "Somebody has changed or deleted this template meanwhile, so nothing was saved and no credits were spent: "
    "look at it again."
)


class Shelf(Desk):
    """The part of the studio that keeps what is used again. Nothing here costs credits."""

    # -- templates

    def templates(self, person: str, search: str = "") -> list[Template]:
        """Return at most 200 templates with all words of a search in name or prompt: a person's starred ones first, then by name."""
        return self._rooms.store.templates(person_name(person), search)

    def save_template(self, name: str, prompt: str, person: str, replace: bool = False) -> None:
        """Keep a prompt under a name, for everybody. Raises NameTaken, and NothingSpent with what is wrong with it."""
        name = checked_name(name)
        check_prompt(prompt)
        self._rooms.store.add_template(name, prompt, person_name(person), time.time(), replace)

    def change_template(self, seen: Template, name: str, prompt: str, person: str) -> None:
        """Give a template another name, another prompt, or both. Raises NameTaken, and NothingSpent with what is wrong."""
        name = checked_name(name)
        check_prompt(prompt)
        if not self._rooms.store.change_template(seen, name, prompt, person_name(person), time.time()):
            raise NothingSpent(NOT_AS_SEEN)

    def delete_template(self, template_id: str) -> Template | None:
        """Delete a template for everybody and return it, for `put_back`; None when it is gone already."""
        return self._rooms.store.delete_template(template_id)

    def put_back(self, template: Template) -> None:
        """Keep a deleted template again, with everybody's stars, under another name if its own was taken meanwhile."""
        self._rooms.store.put_back(template)

    def star_template(self, template_id: str, person: str, starred: bool) -> None:
        """Set a person's star, or take it away."""
        self._rooms.store.star_template(template_id, person_name(person), starred)

    def export_templates(self) -> bytes:
        """Return all templates as a file for another studio."""
        return write_file(self._rooms.store.templates("", limit=None))

    def import_templates(self, data: bytes, person: str) -> Imported:
        """Keep all templates of a file, or none. Raises NothingSpent with what is wrong with it, entry by entry."""
        return self._rooms.store.add_templates(read_file(data), person_name(person), time.time())

    # -- projects and their presets

    def projects(self) -> list[str]:
        """Return the projects that jobs or presets have, the one used last first."""
        return self._rooms.store.projects()

    def presets(self, project: str | None) -> list[Preset]:
        """Return the presets of a project, or those without one, by name."""
        return self._rooms.store.presets(project_name(project))

    def save_preset(
        self, project: str | None, name: str, settings: Generation, images: int, person: str, replace: bool = False
    ) -> None:
        """Keep the settings of a request under a name. Raises NameTaken, and NothingSpent with what is wrong with them."""
        chosen = (settings.aspect_ratio, settings.resolution, settings.output_format, images)
        named = (secrets.token_hex(16), project_name(project), checked_name(name))
        preset = Preset(*named, *chosen, person_name(person), time.time())
        check_preset(preset)
        self._rooms.store.keep_preset(preset, replace)

    def delete_preset(self, preset_id: str) -> Preset | None:
        """Delete a preset and return it, for `put_preset_back`; None when it is gone already."""
        return self._rooms.store.delete_preset(preset_id)

    def put_preset_back(self, preset: Preset) -> None:
        """Keep a deleted preset again. Raises NameTaken when its name was taken meanwhile."""
        self._rooms.store.keep_preset(preset)

    # -- what was written before

    def prompts(self, search: str = "", person: str | None = None) -> list[PastPrompt]:
        """Return the 30 newest different prompts with all words of a search: one person's, or everybody's."""
        return self._rooms.store.prompts(search, person_name(person) if person else None)

    def draft(self, draft_id: str) -> str | None:
        """Return what was kept under this id, or None when that was never or too long ago."""
        return self._rooms.store.draft(draft_id)

    def keep_draft(self, draft_id: str, content: str) -> None:
        """Keep what is not sent yet for 30 days, in place of what was kept under this id before."""
        self._rooms.store.keep_draft(draft_id, content, time.time())
