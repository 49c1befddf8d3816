"""Who wants to know that something changed hears of it, from whatever thread."""

import threading

import pytest

from kie.events import Events


@pytest.fixture
def hub() -> Events:
    return Events()


def test_everybody_who_listens_hears_every_change(hub: Events):
    ann, ben = [], []
    hub.listen(ann.append)
    hub.publish({"jobs"})
    hub.listen(ben.append)
    hub.publish({"credits", "person:Ann"})
    assert ann == [{"jobs"}, {"credits", "person:Ann"}]
    assert ben == [{"credits", "person:Ann"}]


def test_a_change_that_nobody_listens_to_is_no_fault(hub: Events):
    hub.publish({"jobs"})


def test_whoever_has_left_hears_nothing_more_and_the_others_do(hub: Events):
    ann, ben = [], []
    leave = hub.listen(ann.append)
    hub.listen(ben.append)
    leave()
    hub.publish({"jobs"})
    assert (ann, ben) == ([], [{"jobs"}])


def test_one_may_leave_on_hearing_of_a_change(hub: Events):
    heard = []

    def listen_once(topics: set[str]) -> None:
        heard.append(topics)
        leave()

    leave = hub.listen(listen_once)
    hub.publish({"jobs"})
    hub.publish({"jobs"})
    assert heard == [{"jobs"}]


def test_changes_from_many_threads_all_arrive_while_others_come_and_go(hub: Events):
    heard: list[set[str]] = []
    hub.listen(heard.append)

    def change(number: int) -> None:
        for turn in range(200):
            hub.listen(lambda _: None)()
            hub.publish({f"{number}-{turn}"})

    threads = [threading.Thread(target=change, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {topic for topics in heard for topic in topics} == {f"{n}-{turn}" for n in range(8) for turn in range(200)}
