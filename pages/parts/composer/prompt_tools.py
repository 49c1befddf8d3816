"""Recent prompts, templates, projects and presets, beside the fields that they fill.

All changes are made in callbacks, before the page is drawn. Text of people is displayed as text, not as Markdown.
"""

import hashlib
from functools import partial
from typing import Any

import streamlit as st

from kie.generation import Generation, is_visible
from kie.prompts.templates import NAME_LIMIT, PastPrompt, Preset, Template, check_preset, read_file, write_file
from kie.studio import Studio
from kie.text import counted, project_name
from kie.views import format
from pages.parts.composer import file_field, form_state, saved_lists
from pages.parts.composer.saved_lists import SavedList
from pages.parts.recorded import recorded

HISTORY, TEMPLATES, PRESETS = "past-prompts", "templates", "presets"
MINE, EVERYONE = "Mine", "Everyone"
# The replaced values of the form and those put in their place. One value, never modified, because a run may be interrupted.
FORMER = "former_form"
FILES = "template_file"
FILE_BYTES_LIMIT = 1_000_000
PREVIEW = 110
session = st.session_state


def show_prompt_tools() -> None:
    """Show the lists of recent prompts and templates, and the button that undoes replacements in the form."""
    saved_lists.popover(HISTORY, "Recent prompts", ":material/history:", show_past_prompts)
    saved_lists.popover(TEMPLATES, "Templates", ":material/bookmark:", show_templates)
    former, _ = session.get(FORMER, ({}, {}))
    now = form_state.current()
    if any(value != now[name] and (name != "prompt" or is_visible(value)) for name, value in former.items()):
        st.button("Undo", key="put-back", icon=":material/undo:", type="tertiary", on_click=put_back)


def ask_project() -> None:
    """Show the field for the project of the next pictures. A new name makes a new project."""

    def tidy() -> None:
        session["project"] = project_name(session["project"])

    chosen = session["project"]
    names = list(dict.fromkeys([*Studio.current().library.projects(), *filter(None, [chosen])]))
    new = {"accept_new_options": True, "persist_state": "session", "on_change": tidy}
    shown = {"placeholder": "No project", "label_visibility": "collapsed", "width": 170}
    st.selectbox("Project", names, names.index(chosen) if chosen else None, key="project", **new, **shown)


# -- recent prompts


def show_past_prompts() -> None:
    """List the prompts that were sent."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        search = saved_lists.ask_words("Search recent prompts", "past_search")
        of_whom = {"default": MINE, "required": True, "label_visibility": "collapsed"}
        whose = st.segmented_control("Whose", (MINE, EVERYONE), key="past_whose", **of_whom)
    found = Studio.current().library.prompts(search, session["person"] if whose == MINE else None)
    empty = "No prompt has these words." if search else "Prompts that were sent are kept here."
    saved_lists.rows(found, partial(show_past_prompt, is_anyones=whose == EVERYONE), empty)


def show_past_prompt(past: PastPrompt, is_anyones: bool) -> None:
    """Show a prompt with the time of its last use."""
    key = hashlib.sha256(past.prompt.encode()).hexdigest()[:16]
    used = format.ago(past.at) if past.times == 1 else f"{format.ago(past.at)} · {past.times} times"
    with saved_lists.row():
        with st.container(gap=None):
            st.text(_preview(past.prompt))
            st.caption(f"{used} · {format.literal(past.person)}" if is_anyones else used)
        st.button("Use", key=f"past-{key}", on_click=use_prompt, args=(past.prompt, HISTORY))


def use_prompt(prompt: str, place: str) -> None:
    """Put a text into the prompt and close its list."""
    put(prompt=prompt)
    session[place] = False


def put_request(generation: Generation, **instead: Any) -> None:
    """Put a request into the form, in a callback, and keep the replaced values for `put_back`."""
    known = Studio.current().store.references.get_many(generation.references)
    values = {"prompt": generation.prompt, "references": tuple(each.id for each in known), "as_table": False}
    put(**values | generation.options | instead)


def put_unsent(prompt: str, kept: dict[str, Any]) -> None:
    """Put a submission that was not sent into the form, open its page, and keep the replaced values for `put_back`."""
    values, references = form_state.fit(kept)
    # The present batch table is kept.
    values = form_state.DEFAULTS | {"draft": session["draft"]} | values
    put(**values | {"prompt": prompt, "references": tuple(references)})
    session["go"] = "generate.py"


def put(**values: Any) -> None:
    """Put values into the form, in a callback. Keeps the values that a person chose last for `put_back`."""
    former, before = session.get(FORMER, ({}, {}))
    now = form_state.current()
    own = {name: former[name] if name in before and now[name] == before[name] else now[name] for name in values}
    session[FORMER] = (former | own, before | values)
    form_state.put(**values)


def put_back() -> None:
    """Restore the replaced values. If they were changed since, that can be undone in turn."""
    former, put = session.pop(FORMER)
    now = form_state.current()
    if any(now[name] != value for name, value in put.items()):
        session[FORMER] = ({name: now[name] for name in put}, former)
    form_state.put(**former)


def _preview(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= PREVIEW else f"{line[:PREVIEW].rstrip()}…"


# -- templates


def show_templates() -> None:
    """List the templates, and offer to save the present prompt as one."""
    library = Studio.current().library
    kept = SavedList(TEMPLATES, save_template, library.delete_template, library.put_back)
    search = saved_lists.ask_words("Search templates", "template_search")
    empty = "No template has these words." if search else "Keep a prompt that is worth using again."
    saved_lists.rows(library.templates(session["person"], search), partial(show_template, kept), empty)
    kept.ask("Save this prompt as", disabled=not is_visible(session.get("prompt") or ""))
    show_files(kept)


def show_template(kept: SavedList, template: Template) -> None:
    """Show a template with its star and its actions."""
    if session.get(saved_lists.renamed(TEMPLATES)) == template.id:
        ask_new_name(kept, template)
        return
    star, help = (":material/stars:", "Take its star away") if template.is_starred else (":material/star:", "Star it")
    starring = recorded(Studio.current().library.star_template)
    turned = {"on_click": starring, "args": (template.id, session["person"], not template.is_starred)}
    with saved_lists.row():
        st.button(star, key=f"star-{template.id}", type="tertiary", help=help, **turned)
        with st.container(gap=None):
            st.markdown(format.literal(template.name))
            st.text(_preview(template.prompt))
        st.button("Use", key=f"use-{template.id}", on_click=use_prompt, args=(template.prompt, TEMPLATES))
        chosen = {"key": f"more-{template.id}", "on_click": change_template, "args": (kept, template)}
        st.menu_button(":material/more_vert:", ("Rename", "Delete"), type="tertiary", **chosen)


def change_template(kept: SavedList, template: Template) -> None:
    """Show the field for a template's new name, or delete the template."""
    saved_lists.forget(TEMPLATES)
    if session[f"more-{template.id}"] == "Rename":
        session[saved_lists.renamed(TEMPLATES)] = template.id
    else:
        kept.take_out(template.id)


def ask_new_name(kept: SavedList, template: Template) -> None:
    """Show the field for a template's new name in the list."""
    with st.form(f"rename-{template.id}", border=False), saved_lists.row():
        typed = {"key": f"name-{template.id}", "label_visibility": "collapsed", "max_chars": NAME_LIMIT}
        st.text_input("New name", template.name, **typed)
        st.form_submit_button("Rename", on_click=rename_template, args=(kept, template))
        st.form_submit_button("Cancel", on_click=saved_lists.forget, args=(TEMPLATES,), type="tertiary")


def rename_template(kept: SavedList, template: Template) -> None:
    """Rename a template as typed."""
    name = session[f"name-{template.id}"]
    with kept.outcome(f"Renamed to {format.literal(name)}."):
        Studio.current().library.change_template(template, name, template.prompt, template.person)
        session.pop(saved_lists.renamed(TEMPLATES), None)


def save_template(name: str, replace: bool) -> None:
    """Save the present prompt as a template."""
    Studio.current().library.save_template(name, session.get("prompt") or "", session["person"], replace)


def show_files(kept: SavedList) -> None:
    """Offer the export of all templates as a file, and the import of such a file."""
    library = Studio.current().library
    with st.expander("Export or import templates", type="compact"):
        written = {"file_name": "templates.json", "mime": "application/json", "icon": ":material/download:"}
        export = {"data": lambda: write_file(library.templates("", limit=None)), "on_click": "ignore"}
        st.download_button("Export all", **export, **written)
        file_field.ask("Import from a file", ("json",), FILE_BYTES_LIMIT, FILES, partial(import_file, kept))


def import_file(kept: SavedList, _: str, content: bytes) -> None:
    """Import the templates of a file."""
    with kept.outcome() as came:
        count = Studio.current().library.add_templates(read_file(content), session["person"])
        counts = {"added": count.added, "added under another name": count.renamed, "here already": count.skipped}
        came.done = ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "The file was empty."


# -- presets


def show_presets() -> None:
    """List the chosen project's presets, and offer to save the present settings as one."""
    library, project = Studio.current().library, session.get("project")
    kept = SavedList(PRESETS, save_preset, library.delete_preset, library.keep_preset)
    st.caption(f"For {format.literal(project)}" if project else "For pictures without a project")
    empty = "Keep settings that are worth using again."
    saved_lists.rows(library.presets(project), partial(show_preset, kept), empty)
    kept.ask("Save these settings as")


def show_preset(kept: SavedList, preset: Preset) -> None:
    """Show a preset with what it sets."""
    with saved_lists.row():
        with st.container(gap=None):
            st.text(preset.name)
            st.caption(f"{format.settings(Generation('', **preset.options))} · {counted(preset.images, 'image')}")
        st.button("Apply", key=f"apply-{preset.id}", on_click=apply_preset, args=(kept, preset))
        deleted = {"help": "Delete this preset", "on_click": kept.take_out, "args": (preset.id,)}
        st.button(":material/delete:", key=f"delete-{preset.id}", type="tertiary", **deleted)


def apply_preset(kept: SavedList, preset: Preset) -> None:
    """Put a preset's settings into the form, if the service still accepts them."""
    with kept.outcome(f"{format.literal(preset.name)} is applied."):
        check_preset(preset)
        put(**preset.options, images=preset.images)
        session[PRESETS] = False


def save_preset(name: str, replace: bool) -> None:
    """Save the present settings as a preset of the chosen project."""
    settings, images, person = Generation("", **form_state.options()), session["images"], session["person"]
    Studio.current().library.save_preset(session.get("project"), name, settings, images, person, replace)
