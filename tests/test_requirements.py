"""What is imported is declared, what is declared is locked, and the locks fit, with a hash for every file."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OURS = {"app", "kie", "pages", "tests"}
APP = ROOT / "requirements.txt"
TESTS = ROOT / "tests" / "requirements.txt"
# The studio works without these, so only the tests require them.
OPTIONAL = {"pillow-heif", "psycopg"}
PROGRAM = [ROOT / "app.py", *(ROOT / "kie").rglob("*.py"), *(ROOT / "pages").rglob("*.py")]
LOCKS = {ROOT / "requirements.lock": [APP], ROOT / "tests" / "requirements.lock": [APP, TESTS]}


def declared(*files: Path) -> list[Requirement]:
    """Return the requirements of these files, without those that they include."""
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]


def locked(lock: Path) -> dict[str, set[str]]:
    """Return the versions that a lock has of each package: one, or one for each kind of Python."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def imported(path: Path) -> set[str]:
    """Return the packages that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found} - OURS - sys.stdlib_module_names


@pytest.mark.parametrize(
    ("files", "requirements"),
    [(PROGRAM, [APP]), (sorted((ROOT / "tests").rglob("*.py")), [APP, TESTS])],
    ids=["program", "tests"],
)
def test_every_package_that_is_imported_is_declared(files: list[Path], requirements: list[Path]) -> None:
    known, names = (
        packages_distributions(),
        {canonicalize_name(each.name) for each in declared(*requirements)} | OPTIONAL,
    )
    packages = {package for path in files for package in imported(path)}
    missing = {package for package in packages if names.isdisjoint(map(canonicalize_name, known.get(package, [])))}
    assert missing == set()


def test_what_is_optional_is_declared_for_the_tests_alone() -> None:
    app, tests = ({canonicalize_name(each.name) for each in declared(file)} for file in (APP, TESTS))
    assert OPTIONAL.isdisjoint(app) and tests >= OPTIONAL


def test_every_requirement_has_a_lower_and_an_upper_bound() -> None:
    for requirement in declared(APP, TESTS):
        assert {each.operator for each in requirement.specifier} == {">=", "<"}, str(requirement)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.relative_to(ROOT).as_posix())
def test_a_lock_fits_what_is_declared(lock: Path) -> None:
    versions = locked(lock)
    for requirement in declared(*LOCKS[lock]):
        found = versions.get(canonicalize_name(requirement.name), set())
        assert found and all(map(requirement.specifier.contains, found)), f"{requirement}: run tests/lock"


def test_the_tests_run_on_the_versions_that_are_handed_out() -> None:
    app, tests = map(locked, LOCKS)
    assert app.items() <= tests.items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.relative_to(ROOT).as_posix())
def test_a_lock_has_hashes_and_names_no_host_and_no_folder(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries and all("--hash=sha256:" in entry for entry in entries)
    assert re.search(r"://|index-url|find-links|^-|(?<![\w.])/\w", text, re.MULTILINE) is None


def test_the_licence_of_every_requirement_is_named() -> None:
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Licences")[2]
    assert [each.name for each in declared(APP) if not re.search(rf"\b{each.name}\b", section, re.IGNORECASE)] == []
