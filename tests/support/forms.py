"""A page under AppTest, with what its components do in a browser: they ask for their data, and hand the form over."""

import json
from collections.abc import Iterator
from uuid import uuid4

from streamlit.testing.v1 import AppTest

from kie.studio import Studio
from kie.web import api


def drawn(app: AppTest) -> AppTest:
    """Run the page and see that nothing broke."""
    app.run()
    assert [error.value for error in app.exception] == []
    app.session_state["prompt-field"] = {"typed": {}}
    for data in components(app, "studio_prompt"):
        shown = {"text": data["value"], "revision": data["revision"], "session": data["session"]}
        app.session_state["prompt-field"] = {"typed": shown}
    return app


def write(app: AppTest, prompt: str) -> None:
    """Write the prompt."""
    app.session_state["prompt"] = prompt
    if "prompt-field" in app.session_state:
        app.session_state["prompt-field"] = {"typed": app.session_state["prompt-field"]["typed"] | {"text": prompt}}


def written(app: AppTest) -> str:
    """Return the prompt that the page hands to its field."""
    [data] = components(app, "studio_prompt")
    return data["value"]


def button(app: AppTest) -> dict:
    """Return what the button that costs credits says: {"text", "says", "disabled"}."""
    [data] = components(app, "studio_prompt")
    return data["button"]


def fault(app: AppTest) -> str:
    """Return what the page says is wrong with the prompt."""
    [data] = components(app, "studio_prompt")
    return data["fault"]


def press(app: AppTest, says: list | None = None) -> AppTest:
    """Press the button, which says what it says now or what is given, draw the page, and return it."""
    restore(app, {})
    return hand_over(app, says)


def restore(app: AppTest, form: dict) -> None:
    """Report a stored form, as the browser does; the page takes the first one of a session."""
    app.session_state["form-state"] = {"kept": {"session": app.session_state["tab"], "form": form}}


def hand_over(app: AppTest, says: list | None = None) -> AppTest:
    """Press the button, and nothing else."""
    message = app.session_state["prompt-field"]["typed"] | {"id": uuid4().hex, "says": says or button(app)["says"]}
    app.session_state["outbox"] = {"submissions": {"list": [message], "at": 1}, "narrow": False}
    return drawn(app)


def galleries(app: AppTest) -> list[dict]:
    """Return what the page's galleries show."""
    return [followed(data) for data in components(app, "studio_gallery")]


def status(app: AppTest) -> dict:
    """Return what the page's figures and banners are drawn from."""
    source = next(data["source"] for data in components(app, "studio_status") if data["source"]["url"] == "api/status")
    return api.status(Studio.current(), source["params"])


def components(app: AppTest, name: str) -> Iterator[dict]:
    """Return the data of the components of one kind, in order."""
    protos = [element.proto for element in app.get("bidi_component")]
    return [json.loads(proto.json) for proto in protos if proto.component_name == name]


def followed(data: dict) -> dict:
    """Return the data of a gallery with what it asks for by itself."""
    source = data.get("source")
    return data | api.jobs(Studio.current(), source["params"]) if source else data
