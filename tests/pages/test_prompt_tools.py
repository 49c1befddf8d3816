"""What is used again, on a page of its own: former prompts, templates, projects and presets, as a person finds them."""

import json
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from kie.generation import ASPECT_RATIOS, Generation
from kie.studio import Studio
from pages.parts.composer.prompt_tools import HISTORY, PRESETS, TEMPLATES
from pages.parts.references.strip import Chosen
from tests.support.forms import drawn, write
from tests.support.jobs import submit

NASTY = "**bold** :red[x] :material/home: $x^2$ ![a](http://x.example/a.png) `tick`"
Show = Callable[..., AppTest]


def page() -> None:
    """The part of the form that these lists fill."""
    import streamlit as st

    from kie.generation import ASPECT_RATIOS, OUTPUT_FORMATS, RESOLUTIONS
    from pages.parts.composer import form_state, prompt, prompt_tools, saved_lists

    st.session_state.setdefault("person", "Ann")
    form_state.begin()
    prompt.ask("Generate", (1, None), disabled=False)
    prompt_tools.show_prompt_tools()
    st.selectbox("Aspect ratio", ASPECT_RATIOS, key="aspect_ratio")
    st.radio("Resolution", RESOLUTIONS, key="resolution")
    st.radio("Output format", OUTPUT_FORMATS, key="output_format")
    prompt_tools.ask_project()
    saved_lists.popover(prompt_tools.PRESETS, "Presets", None, prompt_tools.show_presets)
    if "asked" in st.session_state:
        st.button("Reuse", on_click=prompt_tools.put_request, args=(st.session_state["asked"],))


@pytest.fixture
def show(studio: Studio) -> Show:
    """Opens the page, with one of its lists open, and somebody's words in the prompt."""

    def open_page(place: str = "", prompt: str = "my own words", person: str = "Ann") -> AppTest:
        app = AppTest.from_function(page, default_timeout=30)
        app.session_state["person"] = person
        app = drawn(app)
        if place:
            app.session_state[place] = True
        write(app, prompt)
        return drawn(app)

    return open_page


def press(app: AppTest, label: str, number: int = 0) -> AppTest:
    """Press one of the buttons with this label."""
    buttons(app, label)[number].click()
    return drawn(app)


def buttons(app: AppTest, label: str) -> list[Button]:
    return [button for button in app.button if button.label == label]


def pick(app: AppTest, option: str, number: int = 0) -> AppTest:
    """Choose from the menu of a template."""
    app.menu_button[number].click(option)
    return drawn(app)


def save(app: AppTest, place: str, name: str) -> AppTest:
    """Save what stands in the form under a name."""
    app.text_input(key=f"{place}-name").set_value(name)
    return press(app, "Save")


def prompt(app: AppTest) -> str:
    return app.session_state["prompt"]


def told(app: AppTest) -> str:
    return "\n".join(element.value.replace("\\", "") for kind in (app.caption, app.error) for element in kind)


def texts(app: AppTest) -> list[str]:
    return [text.value for text in app.text]


# -- former prompts


def test_a_closed_list_shows_nothing_and_an_empty_one_what_will_be_here(show: Show, studio: Studio):
    assert "Prompts that were sent are kept here." in told(show(HISTORY))
    submit(studio, "a lighthouse")
    app = show()
    assert (texts(app), buttons(app, "Use")) == ([], [])


def test_one_s_own_prompts_come_first_and_everybody_s_on_request(show: Show, studio: Studio):
    submit(studio, "of Ann's", "Ann")
    submit(studio, "of Ben's", "Ben")
    submit(studio, "of Ann's", "Ann")
    app = show(HISTORY)
    assert (texts(app), told(app)) == (["of Ann's"], "just now · 2 times")
    app.segmented_control(key="past_whose").set_value("Everyone")
    assert texts(drawn(app)) == ["of Ann's", "of Ben's"]
    assert "just now · `Ben`" in told(app)


def test_a_search_narrows_the_list_and_says_when_nothing_is_left(show: Show, studio: Studio):
    for text in ("Fog at dawn", "a tidy desk"):
        submit(studio, text)
    app = show(HISTORY)
    app.text_input(key="past_search").set_value("DAWN fog")
    assert texts(drawn(app)) == ["Fog at dawn"]
    app.text_input(key="past_search").set_value("%")
    assert texts(drawn(app)) == []
    assert "No prompt has these words." in told(app)


def test_used_prompts_take_the_place_of_the_words_and_give_it_back(show: Show, studio: Studio):
    for text in ("a lighthouse", "a tidy desk"):
        submit(studio, text)
    app = press(show(HISTORY), "Use")
    assert prompt(app) == "a tidy desk"
    assert not app.session_state[HISTORY]
    app.session_state[HISTORY] = True
    app = press(drawn(app), "Use", 1)
    assert prompt(app) == "a lighthouse"
    app = press(app, "Undo")
    assert prompt(app) == "my own words"
    assert buttons(app, "Undo") == []


def test_what_was_typed_after_a_used_prompt_is_not_lost_either(show: Show, studio: Studio):
    submit(studio, "a lighthouse")
    app = press(show(HISTORY), "Use")
    write(app, "a lighthouse in fog")
    app = press(drawn(app), "Undo")
    assert prompt(app) == "my own words"
    assert prompt(press(app, "Undo")) == "a lighthouse in fog"


def test_there_is_nothing_to_put_back_into_an_empty_prompt_or_after_the_next_press(show: Show, studio: Studio):
    submit(studio, "a lighthouse")
    assert buttons(press(show(HISTORY, "  "), "Use"), "Undo") == []


def test_all_that_a_request_replaces_comes_back_and_what_was_changed_since_in_turn(show: Show):
    app = show()
    before = {"prompt": "my own words", "aspect_ratio": "21:9", "resolution": "4K", "as_table": True, "images": 4}
    app.session_state["form-state"] = {"kept": {"session": app.session_state["tab"], "form": before}}
    app.session_state["references"] = Chosen(("of my own",))
    app = drawn(app)
    app.session_state["asked"] = Generation("a lighthouse", (), "3:2", "2K", "jpg")
    app = press(drawn(app), "Reuse")
    after = {"prompt": "a lighthouse", "aspect_ratio": "3:2", "resolution": "2K", "as_table": False, "images": 4}
    assert {name: app.session_state[name] for name in after} == after
    assert app.session_state["references"].ids == ()
    app.radio(key="resolution").set_value("1K")
    app = press(drawn(app), "Undo")
    assert {name: app.session_state[name] for name in before} == before
    assert app.session_state["references"].ids == ("of my own",)
    app = press(app, "Undo")
    assert (prompt(app), app.session_state["resolution"]) == ("a lighthouse", "1K")


@pytest.mark.parametrize("text", [NASTY, "x" * 10_000, "several\nlines\n\n# of it", "夜明け 🍌"])
def test_a_prompt_is_shown_as_text_and_used_letter_by_letter(show: Show, studio: Studio, text: str):
    submit(studio, text)
    app = show(HISTORY)
    [shown] = texts(app)
    assert shown.rstrip("…") == " ".join(text.split())[: len(shown.rstrip("…"))]
    assert prompt(press(app, "Use")) == text


# -- templates


def test_the_present_prompt_becomes_a_template_for_everybody(show: Show, studio: Studio):
    app = save(show(TEMPLATES), TEMPLATES, "Mine")
    assert "Saved as `Mine`." in told(app)
    assert app.text_input(key="templates-name").value == ""
    [template] = studio.library.templates("Ben")
    assert (template.name, template.prompt, template.person) == ("Mine", "my own words", "Ann")
    app = press(show(TEMPLATES, "", person="Ben"), "Use")
    assert prompt(app) == "my own words"


def test_a_blank_prompt_can_not_be_saved_and_a_blank_name_is_told(show: Show, studio: Studio):
    assert [button.disabled for button in buttons(show(TEMPLATES, " \n "), "Save")] == [True]
    app = save(show(TEMPLATES), TEMPLATES, "  ")
    assert "Nothing was saved. Give it a name" in told(app)
    assert studio.library.templates("Ann") == []


def test_a_taken_name_is_told_and_overwritten_only_when_pressed(show: Show, studio: Studio):
    studio.library.save_template("Taken", "of Ben's", "Ben")
    app = save(show(TEMPLATES), TEMPLATES, "Taken")
    assert "There is one of this name already, so nothing was saved" in told(app)
    assert [template.prompt for template in studio.library.templates("Ann")] == ["of Ben's"]
    app = press(app, "Replace it")
    assert [(template.name, template.prompt) for template in studio.library.templates("Ann")] == [
        ("Taken", "my own words")
    ]
    assert "Saved as `Taken`." in told(app)
    assert buttons(app, "Replace it") == []


def test_a_star_brings_a_template_to_the_top_for_this_person(show: Show, studio: Studio):
    for name in ("Attic", "Balcony"):
        studio.library.save_template(name, f"an {name}", "Ann")
    app = press(show(TEMPLATES), ":material/star:", 1)
    assert [markdown.value for markdown in app.markdown] == ["`Balcony`", "`Attic`"]
    app = press(app, ":material/stars:")
    assert [markdown.value for markdown in app.markdown] == ["`Attic`", "`Balcony`"]


def test_a_template_is_renamed_in_its_place_and_not_to_a_taken_name(show: Show, studio: Studio):
    for name in ("Attic", "Balcony"):
        studio.library.save_template(name, f"an {name}", "Ben")
    app = pick(show(TEMPLATES), "Rename")
    [attic] = [template for template in studio.library.templates("Ann") if template.name == "Attic"]
    app.text_input(key=f"name-{attic.id}").set_value("Balcony")
    app = press(app, "Rename")
    assert "There is one of this name already" in told(app)
    app.text_input(key=f"name-{attic.id}").set_value("Cellar")
    app = press(app, "Rename")
    assert "Renamed to `Cellar`." in told(app)
    assert [(template.name, template.person) for template in studio.library.templates("Ann")] == [
        ("Balcony", "Ben"),
        ("Cellar", "Ben"),
    ]
    app = press(pick(app, "Rename"), "Cancel")
    assert len(buttons(app, "Use")) == 2


def test_a_rename_after_somebody_else_s_change_is_told(show: Show, studio: Studio):
    studio.library.save_template("Attic", "an attic", "Ben")
    app = pick(show(TEMPLATES), "Rename")
    studio.library.save_template("Attic", "a changed attic", "Ben", replace=True)
    app = press(app, "Rename")
    assert "Somebody has changed or deleted this template meanwhile" in told(app)
    assert [template.prompt for template in studio.library.templates("Ann")] == ["a changed attic"]


def test_a_deleted_template_can_be_put_back(show: Show, studio: Studio):
    studio.library.save_template("Attic", "an attic", "Ben")
    [before] = studio.library.templates("Ann")
    app = pick(show(TEMPLATES), "Delete")
    assert studio.library.templates("Ann") == []
    assert "`Attic` is deleted for everybody." in told(app)
    app = press(app, "Put it back")
    assert studio.library.templates("Ann") == [before]
    assert buttons(app, "Put it back") == []


def test_names_and_prompts_of_templates_are_shown_letter_by_letter(show: Show, studio: Studio):
    studio.library.save_template(NASTY, NASTY, "Ann")
    app = show(TEMPLATES)
    assert texts(app) == [NASTY]
    assert [markdown.value for markdown in app.markdown] == [f"`` {NASTY} ``"]
    assert prompt(press(app, "Use")) == NASTY


def test_a_search_finds_templates_by_name_or_prompt(show: Show, studio: Studio):
    studio.library.save_template("Attic", "a dusty room", "Ann")
    studio.library.save_template("Balcony", "a sunny place", "Ann")
    app = show(TEMPLATES)
    app.text_input(key="template_search").set_value("DUSTY")
    assert texts(drawn(app)) == ["a dusty room"]
    app.text_input(key="template_search").set_value("zebra")
    assert "No template has these words." in told(drawn(app))


def importing(content: str) -> None:
    """What the field for a file does with one, and the page after it."""
    import streamlit as st

    from pages.parts.composer import prompt_tools
    from pages.parts.composer.saved_lists import SavedList
    from tests.pages.test_prompt_tools import page

    st.session_state.setdefault("person", "Ann")
    kept = SavedList(prompt_tools.TEMPLATES, prompt_tools.save_template, lambda _: None, lambda _: None)
    prompt_tools.import_file(kept, "templates.json", content.encode())
    st.session_state[prompt_tools.TEMPLATES] = True
    page()


def imported(content: object) -> str:
    """Return what the page says after a file was taken in."""
    return told(drawn(AppTest.from_function(importing, args=(json.dumps(content),), default_timeout=30)))


def test_a_file_of_templates_is_taken_in_and_counted(studio: Studio):
    studio.library.save_template("Attic", "of Ben's", "Ben")
    content = {"studio_templates": 1, "templates": [{"name": "Attic", "prompt": "x"}, {"name": "New", "prompt": "y"}]}
    for outcome in ("1 added, 1 added under another name", "2 here already"):
        assert outcome in imported(content)
    assert [template.name for template in studio.library.templates("Ann")] == ["Attic", "Attic (2)", "New"]


def test_a_file_with_faults_is_told_of_and_nothing_is_taken_in(studio: Studio):
    content = {"studio_templates": 1, "templates": [{"name": "Good", "prompt": "x"}, {"name": " ", "prompt": "y"}]}
    assert "Template 2: Give it a name" in imported(content)
    assert studio.library.templates("Ann") == []


# -- projects and presets


def test_a_project_is_chosen_from_those_that_were_used_the_last_one_first(show: Show, studio: Studio):
    for number, project in enumerate(("Autumn", "Spring")):
        studio.submissions.submit("Ann", Generation("x"), f"press-{number}", project=project)
    app = show()
    assert (app.selectbox(key="project").options, app.selectbox(key="project").value) == (["Spring", "Autumn"], None)
    app.selectbox(key="project").set_value("Autumn")
    assert drawn(app).session_state["project"] == "Autumn"


def test_present_settings_become_a_preset_of_their_project_and_are_applied_again(show: Show, studio: Studio):
    studio.submissions.submit("Ann", Generation("x"), "press", project="Spring")
    app = show(PRESETS)
    app.selectbox(key="project").set_value("Spring")
    app.selectbox(key="aspect_ratio").set_value("21:9")
    app.radio(key="resolution").set_value("4K")
    app.radio(key="output_format").set_value("jpg")
    app.session_state["images"] = 3
    app = save(drawn(app), PRESETS, "Banner")
    assert "21:9 · 4K · JPG · 3 images" in told(app)
    assert studio.library.presets(None) == []
    other = show(PRESETS)
    assert buttons(other, "Apply") == []
    other.selectbox(key="project").set_value("Spring")
    other = press(drawn(other), "Apply")
    assert other.selectbox(key="aspect_ratio").value == "21:9"
    assert (other.radio(key="resolution").value, other.radio(key="output_format").value) == ("4K", "jpg")
    assert other.session_state["images"] == 3
    assert press(other, "Undo").session_state["images"] == 1
    assert not other.session_state[PRESETS]


def test_a_preset_s_name_is_taken_from_nobody_and_a_slip_is_undone(show: Show, studio: Studio):
    app = save(show(PRESETS), PRESETS, "Square")
    app.selectbox(key="aspect_ratio").set_value(ASPECT_RATIOS[1])
    app = save(drawn(app), PRESETS, "Square")
    assert "There is one of this name already" in told(app)
    app = press(app, "Replace it")
    [kept] = studio.library.presets(None)
    assert kept.options["aspect_ratio"] == ASPECT_RATIOS[1]
    app = press(app, ":material/delete:")
    assert studio.library.presets(None) == []
    app = press(app, "Put it back")
    assert studio.library.presets(None) == [kept]


# -- what is put into the form before the browser shows it


@pytest.mark.parametrize(
    ("told", "kept"), [("1K", "2K"), ("2K", "2K"), ("4K", "4K")], ids=["as before", "as put in", "chosen since"]
)
def test_a_value_that_is_put_in_stays_until_the_browser_shows_it_and_a_choice_made_since_stays(
    show: Show, told: str, kept: str
):
    app = show(prompt="")
    form = {"prompt": "of this tab", "resolution": "2K"}
    app.session_state["form-state"] = {"kept": {"session": app.session_state["tab"], "form": form}}
    app.run()
    assert app.session_state["resolution"] == "2K"
    app.session_state["resolution"] = told
    app.run()
    assert (prompt(app), app.session_state["resolution"]) == ("of this tab", kept)
