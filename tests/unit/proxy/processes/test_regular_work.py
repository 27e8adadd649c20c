"""What a parent does between watching: when it is due, and when it is asked for."""

from proxy.processes.regular_work import RegularWork


class Clock:
    """A clock that stands where it is put."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_work_is_done_when_it_is_due_or_asked_for() -> None:
    """A parent wakes up for it, and not more often than it has to."""
    done: list[bool] = []

    def work(*, is_asked: bool) -> None:
        done.append(is_asked)

    clock = Clock()
    regular = RegularWork(work, 5, clock)
    regular.do(is_asked=False)
    assert (done, regular.due_in_s()) == ([], 5)
    clock.now_s = 103
    regular.do(is_asked=True)
    assert (done, regular.due_in_s()) == ([True], 5)
    clock.now_s = 120
    assert regular.due_in_s() == 0
    regular.do(is_asked=False)
    assert (done, regular.due_in_s()) == ([True, False], 5)
