"""The house itself: what everything in it says of itself, and what nobody builds into it. Layers: `.importlinter`."""

import ast
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import streamlit

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "kie").rglob("*.py"))
PAGES = sorted((ROOT / "pages").rglob("*.py"))
PROGRAM = [ROOT / "app.py", *PAGES, *MODULES]
IN_BROWSER = sorted(
    path for part in ("pages", "kie") for path in (ROOT / part).rglob("*") if path.suffix in (".js", ".css", ".html")
)
# The service's own spellings, as its text has them.
SPELLINGS = (
    *("callBackUrl", "completeTime", "consumeCredits", "costTime", "createTask", "createTime", "creditsConsumed"),
    *("downloadUrl", "failCode", "failMsg", "fileName", "filePath", "image_input", "mimeType", "queuing"),
    *("recordInfo", "remainedCredits", "resultJson", "resultUrls", "taskId", "updateTime", "uploadPath"),
)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> set[str]:
    """Return everything that a file imports, wherever in it, as dotted names down to the module."""
    found = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)} imports by dots"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= whole if node.module in ("kie", "pages", "pages.parts") else {node.module}
    return found


def packages(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imported(path)}


def code_alone(path: Path) -> str:
    """Return a file's code without comments and docstrings."""
    tree = parsed(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def public_parts(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield the public classes, functions and methods of a file."""
    for node in parsed(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name, node
            for part in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and not part.name.startswith("_"):
                    yield f"{node.name}.{part.name}", part


def test_the_service_s_own_spellings_stay_in_the_client_and_the_sandbox():
    for path in PROGRAM:
        if named(path) not in ("kie/client/client.py", "kie/sandbox/rules.py", "kie/sandbox/server.py"):
            code = code_alone(path)
            assert [word for word in SPELLINGS if re.search(rf"\b{word}\b", code)] == [], named(path)


# What nobody builds in


def is_broad(node: ast.AST) -> bool:
    """Say whether a handler takes whatever comes, and does not raise it again."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    names = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)} if node.type else {"Exception"}
    is_raised_again = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
    return bool(names & {"Exception", "BaseException"}) and not is_raised_again


def test_only_the_tracker_catches_whatever_comes_and_logs_it_with_its_traceback():
    broad = [(path, node) for path in PROGRAM for node in ast.walk(parsed(path)) if is_broad(node)]
    assert [named(path) for path, _ in broad] == ["kie/worker/tracker.py"]
    for _, handler in broad:
        assert ast.unparse(handler.body[0]).startswith("log.exception(")


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_a_page_writes_no_html_does_not_sleep_and_asks_nobody_over_the_network(path: Path):
    used = {node.arg for node in ast.walk(parsed(path)) if isinstance(node, ast.keyword)}
    called = {node.attr for node in ast.walk(parsed(path)) if isinstance(node, ast.Attribute)}
    assert "unsafe_allow_html" not in used
    assert called.isdisjoint({"sleep", "html", "iframe"})
    assert packages(path).isdisjoint({"requests", "urllib3", "httpx", "http", "socket", "sqlalchemy", "sqlite3"})


def test_nothing_is_put_off_in_a_comment():
    for path in PROGRAM:
        assert re.search(r"\b(TODO|FIXME|XXX|HACK)\b", path.read_text(encoding="utf-8")) is None, named(path)


# What is private to others
#
# Allowed in Python, since its makers document it: what `import streamlit as st` offers, and `streamlit.components.v2`; `os._exit`;
# `_fields` and `_replace` of a named tuple, and `_mapping` of a row of SQLAlchemy, which begin with "_" so that no column has
# their name. The sandbox alone extends a protocol of uvicorn: nothing else ends a connection without an answer, as faults do.
# Allowed in the browser: a component's own elements, `parentElement`, Streamlit's colours (`--st-…`), events of the document, its
# title, and names of ours on `window` that begin with "studio". `connection_check.js` adds its notice to the page's body.

PUBLIC_MODULES = {"streamlit", "streamlit.components.v2"}
PUBLIC_PARTS = {"column_config", "components"}
DOCUMENTED = {"os._exit", "_fields", "_replace", "_mapping"}
UVICORN = {"kie/sandbox/server.py": {"uvicorn", "uvicorn.protocols.http.h11_impl"}}
INSIDES = re.compile(
    r"\bgc\.get_\w+|\bsys\.(modules|_\w+)|\binspect\.(?:current|get|stack|trace)\w*|\bimportlib\b|\bsetattr\(|\bpythonapi\b"
)
NOT_OURS = {
    "an object of the browser's own that is replaced": r"\bprototype\b|\b(window|globalThis)\.(?!studio)\w+ *(\?\?|\|\|)?=(?!=)",
    "a style sheet over others' elements": r"adoptedStyleSheets|styleSheets|insertRule",
    "a name that Streamlit gives its elements": r"data-test|\.st[A-Z]|\[aria-label|\[class|stApp",
    "the page outside the component": r"document\.(querySelector|getElement|body|forms|activeElement)|\b(window|globalThis)\.(parent|top)\b",
    "a name that looks private": r"(\.|\b)__\w+",
}


@cache
def own_names() -> set[str]:
    """Return the names that the program itself gives to classes, functions, and attributes."""
    found = set()
    for node in (node for path in PROGRAM for node in ast.walk(parsed(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node):
            found.add(node.attr)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
    return found


def is_own(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")


def is_inside(name: str) -> bool:
    """Say whether a name of Streamlit is one of its modules, which are there for itself."""
    return name not in PUBLIC_PARTS and inspect.ismodule(getattr(streamlit, name, None))


def private_names(tree: ast.Module, known: set[str]) -> list[str]:
    """Return what a file reads, calls or replaces that its makers keep to themselves."""
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    modules = {alias.asname or alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    found = [match[0] for match in INSIDES.finditer(ast.unparse(tree))]
    for node in ast.walk(tree):
        text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            found += [
                name for name in names if name.startswith("_") or (node.module == "streamlit" and is_inside(name))
            ]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "getattr":
            found += re.findall(r"^getattr\(.*, '(_\w+)'", ast.unparse(node))
        elif not text or {text, node.attr} & DOCUMENTED or re.fullmatch("__[a-z]+__", node.attr):
            continue
        elif node.attr.startswith("_"):
            is_ours = node.attr in known and (is_own(node) or text.partition(".")[0] in classes)
            found += [] if is_ours else [text]
        elif isinstance(node.ctx, ast.Store) and ast.unparse(node.value) in modules:
            found.append(f"{text} =")
        elif ast.unparse(node.value) == "st" and is_inside(node.attr):
            found.append(text)
    return found


def not_ours(text: str) -> list[str]:
    """Return what a script, a style sheet or a piece of HTML reads or replaces that does not belong to its component."""
    return [why for why, pattern in NOT_OURS.items() if re.search(pattern, text)]


@pytest.mark.parametrize("path", PROGRAM, ids=named)
def test_no_private_name_of_a_library_is_imported_read_or_replaced(path: Path):
    assert private_names(parsed(path), own_names()) == []
    streamlits = {name for name in imported(path) if name.split(".")[0] == "streamlit"}
    assert streamlits <= PUBLIC_MODULES
    uvicorns = {name for name in imported(path) if name.split(".")[0] == "uvicorn"}
    assert uvicorns <= UVICORN.get(named(path), set())


@pytest.mark.parametrize("path", IN_BROWSER, ids=named)
def test_in_the_browser_nothing_but_the_component_itself_is_read_or_replaced(path: Path):
    found = not_ours(path.read_text(encoding="utf-8"))
    assert found == (["the page outside the component"] if path.name == "connection_check.js" else [])


@pytest.mark.parametrize(
    "code",
    [
        "from streamlit.runtime import _caches",
        "from streamlit import runtime",
        "store._rooms.tracker",
        "self._nobody_defines_this",
        "getattr(widget, '_secret')",
        "gc.get_objects()",
        "import streamlit as st\nst.runtime.get_instance()",
        "import requests\nrequests.get = None",
        "setattr(session, 'send', other)",
        "sys.modules['streamlit']",
    ],
)
def test_a_private_name_in_python_is_found(code: str):
    assert private_names(ast.parse(code), own_names())


@pytest.mark.parametrize(
    "text",
    [
        "WebSocket.prototype.send = send",
        "window.fetch = other",
        "document.adoptedStyleSheets.push(sheet)",
        'document.querySelector("section")',
        "root.querySelector('[aria-label=\"Prompt\"]')",
        "[data-testid=stMain] { gap: 0 }",
        "window.__studio ??= {}",
        "parentElement.__stage",
    ],
)
def test_what_is_not_the_component_s_own_is_found(text: str):
    assert not_ours(text)


# What is said of it


@pytest.mark.parametrize("path", [*PROGRAM, *sorted((ROOT / "tests").rglob("*.py"))], ids=named)
def test_every_module_says_what_it_is(path: Path):
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(parsed(path)), "a module begins with a sentence"


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name != "sandbox"], ids=named)
def test_every_public_part_of_the_package_says_what_it_is_in_a_sentence(path: Path):
    for part, node in public_parts(path):
        told = (ast.get_docstring(node) or "").partition("\n\n")[0]
        assert re.search(r"^[A-Z].*[.:]", told, re.DOTALL), part


def test_git_never_sees_the_key_the_pictures_or_an_environment():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/config/kie_key.txt", "/data/", ".env", ".venv*", "__pycache__/"} <= set(ignored)
    assert not any(line.startswith("!") for line in ignored)
