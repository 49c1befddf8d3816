"""What is used again, in quiet places beside the fields that it fills: former prompts, templates, projects, presets.

Everything acts in callbacks, before the page is drawn, and goes into the form's own keys. What people wrote is shown as text.
"""

import hashlib

import streamlit as st

from kie.generation import Generation, is_visible
from kie.names import project_name
from kie.session import PRESS
from kie.studio import Studio
from kie.templates import NAME_LIMIT, PastPrompt, Preset, Template, check_preset
from pages.parts import memory, shelf, words
from pages.parts.shelf import Shelf

HISTORY, TEMPLATES, PRESETS = "past-prompts", "templates", "presets"
MINE, EVERYONE = "Mine", "Everyone"
FORMER = "former_prompt"
FILES = "template_files"
WIDTH_PX = 440
PREVIEW = 110
form = st.session_state


@st.fragment
def show_prompt_tools() -> None:
    """Offer former prompts and templates for the prompt above, and to put back what they replaced."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        with shelf.popover(HISTORY, "History", ":material/history:") as history:
            if history.open:
                show_past_prompts()
        with shelf.popover(TEMPLATES, "Templates", ":material/bookmark:") as templates:
            if templates.open:
                show_templates()
        former, _, press = form.get(FORMER, ("", "", ""))
        if is_visible(former) and former != form.get("prompt") and press == _last_press():
            back = {"icon": ":material/undo:", "on_click": put_prompt_back}
            st.button("Put back what I had", key="put-prompt-back", type="tertiary", **back)


def ask_project() -> str | None:
    """Ask which project the next pictures belong to; a new name makes a new project."""
    return st.selectbox(
        "Project",
        Studio.current().projects(),
        index=None,
        placeholder="No project",
        key="project",
        accept_new_options=True,
        persist_state="session",
        on_change=_tidy_project,
    )


@st.fragment
def ask_preset() -> None:
    """Offer the chosen project's presets for the settings, and keep the present ones as another."""
    with shelf.popover(PRESETS, "Presets") as presets:
        if presets.open:
            show_presets(form.get("project"))


def _tidy_project() -> None:
    form["project"] = project_name(form["project"])


# -- former prompts


def show_past_prompts() -> None:
    """List the prompts that were sent, each to be used again."""
    with st.container(width=WIDTH_PX):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            search = shelf.ask_words("Search former prompts", "past_search")
            of_whom = {"default": MINE, "required": True, "label_visibility": "collapsed"}
            whose = st.segmented_control("Whose", (MINE, EVERYONE), key="past_whose", **of_whom)
        found = Studio.current().prompts(search, form["person"] if whose == MINE else None)
        with shelf.rows(len(found)):
            if not found:
                st.caption("No prompt has these words." if search else "Prompts that were sent are kept here.")
            for past in found:
                show_past_prompt(past, whose == EVERYONE)


def show_past_prompt(past: PastPrompt, is_anyones: bool) -> None:
    """Show a former prompt with its last use."""
    key = hashlib.sha256(past.prompt.encode()).hexdigest()[:16]
    used = words.ago(past.at) if past.times == 1 else f"{words.ago(past.at)} · {past.times} times"
    with shelf.row():
        with st.container(gap=None):
            st.text(_preview(past.prompt))
            st.caption(f"{used} · {words.literal(past.person)}" if is_anyones else used)
        st.button("Use", key=f"past-{key}", on_click=use_prompt, args=(past.prompt, HISTORY))


def use_prompt(prompt: str, place: str) -> None:
    """Put a text into the prompt and keep what stood there."""
    keep_former(prompt)
    memory.put(prompt=prompt)
    form[place] = False
    st.rerun()


def keep_former(prompt: str) -> None:
    """Keep what stands in the prompt before this takes its place, but for what was put there before and not touched."""
    standing = form.get("prompt") or ""
    former, put, _ = form.get(FORMER, ("", "", ""))
    form[FORMER] = (former if standing == put else standing, prompt, _last_press())


def put_prompt_back() -> None:
    """Put back what was replaced; what was typed since then can be put back in turn."""
    former, put, _ = form.pop(FORMER)
    standing = form.get("prompt") or ""
    if standing != put:
        form[FORMER] = (standing, former, _last_press())
    memory.put(prompt=former)
    st.rerun()


def _last_press() -> str:
    """Return the id of this session's last press: with the next one, what was replaced is let go."""
    return form[PRESS][1] if PRESS in form else ""


def _preview(prompt: str) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= PREVIEW else f"{line[:PREVIEW].rstrip()}…"


# -- templates


def show_templates() -> None:
    """List the templates, and keep the present prompt as another."""
    studio = Studio.current()
    kept = Shelf(TEMPLATES, save_template, studio.delete_template, studio.put_back)
    with st.container(width=WIDTH_PX):
        search = shelf.ask_words("Search templates", "template_search")
        found = studio.templates(form["person"], search)
        with shelf.rows(len(found)):
            if not found:
                st.caption("No template has these words." if search else "Keep a prompt that is worth using again.")
            for template in found:
                show_template(kept, template)
        kept.show_outcome()
        kept.ask_to_save("Save this prompt as", disabled=not is_visible(form.get("prompt") or ""))
        show_files(kept)


def show_template(kept: Shelf, template: Template) -> None:
    """Show a template, and what can be done with it."""
    if form.get(shelf.renamed(TEMPLATES)) == template.id:
        ask_new_name(kept, template)
        return
    with shelf.row():
        show_star(template)
        with st.container(gap=None):
            st.markdown(words.literal(template.name))
            st.text(_preview(template.prompt))
        st.button("Use", key=f"use-{template.id}", on_click=use_prompt, args=(template.prompt, TEMPLATES))
        chosen = {"key": f"more-{template.id}", "on_click": change_template, "args": (kept, template)}
        st.menu_button(":material/more_vert:", ("Rename", "Delete"), type="tertiary", **chosen)


def show_star(template: Template) -> None:
    """Show whether a template stands first for this person, and let it."""
    label, told = (":material/stars:", "Take its star away") if template.is_starred else (":material/star:", "Star it")
    turned = {
        "on_click": Studio.current().star_template,
        "args": (template.id, form["person"], not template.is_starred),
    }
    st.button(label, key=f"star-{template.id}", type="tertiary", help=told, **turned)


def change_template(kept: Shelf, template: Template) -> None:
    """Begin to rename a template, or delete it."""
    shelf.forget(TEMPLATES)
    if form[f"more-{template.id}"] == "Rename":
        form[shelf.renamed(TEMPLATES)] = template.id
    else:
        kept.take_out(template.id)


def ask_new_name(kept: Shelf, template: Template) -> None:
    """Ask for a template's new name, in its place in the list."""
    with st.form(f"rename-{template.id}", border=False), shelf.row():
        typed = {"key": f"name-{template.id}", "label_visibility": "collapsed", "max_chars": NAME_LIMIT}
        st.text_input("New name", template.name, **typed)
        st.form_submit_button("Rename", on_click=rename_template, args=(kept, template))
        st.form_submit_button("Cancel", on_click=shelf.forget, args=(TEMPLATES,), type="tertiary")


def rename_template(kept: Shelf, template: Template) -> None:
    """Give a template the name that was typed."""
    name = form[f"name-{template.id}"]

    def act() -> str:
        Studio.current().change_template(template, name, template.prompt, template.person)
        return f"Renamed to {words.literal(name)}."

    if kept.try_to(act):
        form.pop(shelf.renamed(TEMPLATES), None)


def save_template(name: str, replace: bool) -> None:
    """Keep the present prompt as a template."""
    Studio.current().save_template(name, form.get("prompt") or "", form["person"], replace)


def show_files(kept: Shelf) -> None:
    """Offer all templates as a file, and take such a file in."""
    with st.expander("Move templates between studios", type="compact"):
        written = {"data": Studio.current().export_templates, "file_name": "templates.json", "mime": "application/json"}
        st.download_button("Export all", icon=":material/download:", on_click="ignore", **written)
        # A new key empties the field for the next file.
        key = f"{FILES}-{form.get(FILES, 0)}"
        chosen = {"max_upload_size": 1, "key": key, "on_change": import_file, "args": (kept, key)}
        st.file_uploader("Import from a file", "json", **chosen)


def import_file(kept: Shelf, key: str) -> None:
    """Take in the file that was chosen."""
    chosen = form[key]

    def act() -> str:
        count = Studio.current().import_templates(chosen.getvalue(), form["person"])
        told = {"added": count.added, "added under another name": count.renamed, "here already": count.skipped}
        return ", ".join(f"{number} {what}" for what, number in told.items() if number) or "The file was empty."

    if chosen is not None:
        kept.try_to(act)
        form[FILES] = form.get(FILES, 0) + 1


# -- presets


def show_presets(project: str | None) -> None:
    """List a project's presets, and keep the present settings as another."""
    studio = Studio.current()
    kept = Shelf(PRESETS, save_preset, studio.delete_preset, studio.put_preset_back)
    with st.container(width=WIDTH_PX):
        st.caption(f"For {words.literal(project)}" if project else "For pictures without a project")
        found = studio.presets(project)
        with shelf.rows(len(found)):
            if not found:
                st.caption("Keep settings that are worth using again.")
            for preset in found:
                show_preset(kept, preset)
        kept.show_outcome()
        kept.ask_to_save("Save these settings as")


def show_preset(kept: Shelf, preset: Preset) -> None:
    """Show a preset with what it sets."""
    chosen = (preset.aspect_ratio.capitalize(), preset.resolution, preset.output_format.upper())
    with shelf.row():
        with st.container(gap=None):
            st.text(preset.name)
            st.caption(" · ".join((*chosen, "1 image" if preset.images == 1 else f"{preset.images} images")))
        st.button("Apply", key=f"apply-{preset.id}", on_click=apply_preset, args=(kept, preset))
        deleted = {"help": "Delete this preset", "on_click": kept.take_out, "args": (preset.id,)}
        st.button(":material/delete:", key=f"delete-{preset.id}", type="tertiary", **deleted)


def apply_preset(kept: Shelf, preset: Preset) -> None:
    """Put a preset's settings into the form, unless the service does not take them any more."""

    def act() -> str:
        check_preset(preset)
        return f"{words.literal(preset.name)} is applied."

    if kept.try_to(act):
        memory.put(**{name: getattr(preset, name) for name in (*memory.SETTINGS, "images")})
        form[PRESETS] = False
        st.rerun()


def save_preset(name: str, replace: bool) -> None:
    """Keep the present settings as a preset of the chosen project."""
    settings = Generation("", (), form["aspect_ratio"], form["resolution"], form["output_format"])
    Studio.current().save_preset(form.get("project"), name, settings, form["images"] or 1, form["person"], replace)
