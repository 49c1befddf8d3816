"""The house itself: its layers, its map, and what nobody builds into it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import kie

ROOT = Path(__file__).resolve().parent.parent
STANDS_ALONE = {"sandbox", "drawing"}
MODULES = sorted(path.stem for path in (ROOT / "kie").glob("*.py") if path.stem != "__init__")
PAGES = sorted((ROOT / "pages").rglob("*.py"))
PROGRAM = [ROOT / "app.py", *PAGES, *sorted((ROOT / "kie").glob("*.py"))]
# The service's own spellings, as its text has them.
SPELLINGS = (
    *("callBackUrl", "completeTime", "consumeCredits", "costTime", "createTask", "createTime", "creditsConsumed"),
    *("downloadUrl", "failCode", "failMsg", "fileName", "filePath", "image_input", "mimeType", "queuing"),
    *("recordInfo", "remainedCredits", "resultJson", "resultUrls", "taskId", "updateTime", "uploadPath"),
)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module(name: str) -> Path:
    return ROOT / "kie" / f"{name}.py"


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


def siblings(path: Path) -> set[str]:
    """Return the modules of kie that a file imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("kie.")}


def mapped() -> list[str]:
    """Return the modules in the order of the map, from top to bottom."""
    return re.findall(r"^    (\w+) {2,}\S", kie.__doc__, re.MULTILINE)


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


# The layers


def test_the_map_lists_every_module_once_and_no_other():
    assert sorted(mapped()) == MODULES


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down_the_map(name: str):
    above = mapped()[: mapped().index(name) + 1]
    assert siblings(module(name)) & set(above) == set()


@pytest.mark.parametrize("name", MODULES)
def test_nothing_in_the_package_knows_streamlit_or_the_pages(name: str):
    assert packages(module(name)).isdisjoint({"streamlit", "pages", "app"})


def test_the_client_knows_no_database_and_the_store_no_http():
    for name in ("client", "wire"):
        assert packages(module(name)).isdisjoint({"sqlalchemy", "sqlite3"})
        assert siblings(module(name)).isdisjoint({"store", "turns", "database", "schema"})
    for name in ("store", "turns", "database", "schema"):
        assert packages(module(name)).isdisjoint({"requests", "urllib3", "urllib", "http", "socket"})
        assert siblings(module(name)).isdisjoint({"client", "wire"})


def test_the_sandbox_and_the_client_are_two_readings_that_share_no_code():
    for name in STANDS_ALONE:
        assert siblings(module(name)) <= STANDS_ALONE
    using = {name for name in MODULES if siblings(module(name)) & STANDS_ALONE}
    assert using <= {"sandbox", "rooms"}


def test_pages_speak_to_the_studio_and_to_nothing_that_works_for_it():
    workers = {"rooms", "tracker", "sending", "looking", "client", "wire", "store", "turns", "database", "files"}
    for path in PAGES:
        assert siblings(path).isdisjoint(workers | STANDS_ALONE), named(path)


def test_the_service_s_own_spellings_stay_in_the_client_and_the_sandbox():
    for path in PROGRAM:
        if path not in (module("client"), module("sandbox")):
            code = code_alone(path)
            assert [word for word in SPELLINGS if re.search(rf"\b{word}\b", code)] == [], named(path)


# What nobody builds in


def is_broad(node: ast.AST) -> bool:
    """Say whether a handler takes whatever comes."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    names = {part.id for part in ast.walk(node.type) if isinstance(part, ast.Name)} if node.type else {"Exception"}
    return bool(names & {"Exception", "BaseException"})


def test_only_the_tracker_catches_whatever_comes_and_logs_it_with_its_traceback():
    broad = [(path, node) for path in PROGRAM for node in ast.walk(parsed(path)) if is_broad(node)]
    assert [named(path) for path, _ in broad] == ["kie/tracker.py"]
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


# What is said of it


@pytest.mark.parametrize("path", [*PROGRAM, *sorted((ROOT / "tests").glob("*.py"))], ids=named)
def test_every_module_says_what_it_is(path: Path):
    if path.read_text(encoding="utf-8").strip():
        assert ast.get_docstring(parsed(path)), "a module begins with a sentence"


@pytest.mark.parametrize("name", [name for name in MODULES if name not in STANDS_ALONE])
def test_every_public_part_of_the_package_says_what_it_is_in_a_sentence(name: str):
    for part, node in public_parts(module(name)):
        told = (ast.get_docstring(node) or "").partition("\n\n")[0]
        assert re.search(r"^[A-Z].*[.:]", told, re.DOTALL), part


def test_git_never_sees_the_key_the_pictures_or_an_environment():
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/config/kie_key.txt", "/data/", ".env", ".venv*", "__pycache__/"} <= set(ignored)
    assert not any(line.startswith("!") for line in ignored)
