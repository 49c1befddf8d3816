"""What can go wrong: the tree as it is drawn is the tree as it is, and every sentence says what to do now."""

import re

import pytest

from kie import errors
from kie.errors import FileRefused, RequestInvalid, StudioError, sentence
from kie.generation import Fault


def tree(root: type[StudioError]) -> list[type[StudioError]]:
    return [root, *(kind for child in root.__subclasses__() for kind in tree(child))]


def drawn() -> dict[str, str | None]:
    """Read the drawing: each name with the name that it hangs from."""
    parents: dict[str, str | None] = {}
    above: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        found = re.match(r"([ │├└─]*)([A-Z]\w+)(?=\s|$)", line)
        if not line.startswith("    ") or not found:
            continue
        depth, name = len(found[1]), found[2]
        above = [(far, upper) for far, upper in above if far < depth]
        parents[name] = above[-1][1] if above else None
        above.append((depth, name))
    return parents


KINDS = [kind for kind in tree(StudioError) if kind.__module__ == "kie.errors"]
LEAVES = [kind for kind in KINDS if not kind.__subclasses__()]


def test_the_drawing_is_the_tree():
    assert drawn() == {kind.__name__: None if kind is StudioError else kind.__base__.__name__ for kind in KINDS}


def test_nothing_in_the_studio_raises_an_error_of_its_own_outside_the_tree():
    assert [kind for kind in tree(StudioError) if kind not in KINDS] == []


def test_the_tree_is_split_by_the_payer_s_question():
    assert [kind.__name__ for kind in StudioError.__subclasses__()] == [
        *("NothingSpent", "NothingLearned", "MaybeSpent", "SpentAndWaiting", "SpentAndKept", "GivenBack")
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_sentence_says_what_happened_and_what_to_do(kind: type[StudioError]):
    told = kind.__doc__
    assert re.fullmatch(r"[A-Z][^.!?\n]*((?<=[a-z])\.(?=[a-z])[^.!?\n]*)*\.", told), "one sentence, one line"
    happened, _, rest = told.partition(":" if ":" in told else ";")
    assert happened and re.search(
        r"\b(try|press|choose|correct|put|check|read|top up|change|look|find|send|make|fetch)|again|at the Account",
        rest,
    )
    # What was charged stands in the job's row, and only one page has these buttons.
    assert not re.search(r"spent|charge|paid|cost", told, re.IGNORECASE)
    assert not re.search(r"you can|paste its|look again now|give it up", told)


@pytest.mark.parametrize("kind", [errors.MaybeSpent, errors.Unsure])
def test_where_something_may_be_spent_the_sentence_says_that_it_is_not_sent_again(kind: type[StudioError]):
    assert "not sent again" in kind.__doc__
    assert "kie.ai/logs" in kind.__doc__


@pytest.mark.parametrize("kind", tree(errors.SpentAndWaiting))
def test_what_is_paid_for_is_looked_for_again_by_itself_or_said_not_to_be(kind: type[StudioError]):
    assert re.search(r"again (by itself|for a while)", kind.__doc__)
    stopped = (errors.NotFetchedForADay, errors.PictureTooLarge)
    assert ("not downloaded again" in kind.__doc__) == (kind in stopped)


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_a_row_that_keeps_the_name_of_an_error_gets_its_sentence_back(kind: type[StudioError]):
    assert sentence(kind.__name__) == kind.__doc__


def test_a_name_that_an_older_version_has_kept_still_gets_a_sentence():
    assert sentence("RenamedLongAgo") == StudioError.__doc__


def test_the_service_s_own_words_go_along_but_are_not_the_sentence():
    error = errors.CreditsShort("Insufficient credits, please recharge", "402")
    assert (error.detail, error.code) == ("Insufficient credits, please recharge", "402")
    assert error.sentence == errors.CreditsShort.__doc__
    assert str(error) == error.detail


def test_a_refused_file_speaks_for_itself():
    assert FileRefused("This file is empty.").sentence == "This file is empty."


def test_an_invalid_request_carries_its_faults_and_tells_them_all():
    faults = [Fault("Prompt", "Write one."), Fault("Resolution", "Choose one of 1K, 2K, 4K.")]
    error = RequestInvalid(faults)
    assert error.faults == faults
    assert error.detail == "Prompt: Write one. Resolution: Choose one of 1K, 2K, 4K."
    assert error.sentence == RequestInvalid.__doc__
