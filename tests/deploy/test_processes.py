"""A process is started, found again and stopped for certain, and never another in its place."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped,unused-ignore]
import pytest

from deploy.local.ports import answers, free_port
from deploy.local.processes import Process, ProcessFailed, python_module
from tests import forked
from tests.waiting import within

Run = Callable[..., Process]
SLEEP = "import time; print('awake', flush=True); time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
HALF_ENDED = """
import ctypes, platform, socket, threading, time
server = socket.create_server(("127.0.0.1", {port}))
threading.Thread(target=time.sleep, args=(60,)).start()
exit_of_a_thread = {{"x86_64": 60, "aarch64": 93}}[platform.machine()]
ctypes.CDLL(None).syscall(exit_of_a_thread, 0)
"""
PARENT = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); {SLEEP}"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Makes a process of a line of Python, ended with the test."""
    made: list[Process] = []

    def make(code: str, name: str = "sleeper") -> Process:
        made.append(Process(name, [*python_module("this")[:1], "-c", code], root=tmp_path))
        return made[-1]

    yield make
    for process in made:
        process.kill()


def runs(pid: int) -> bool:
    """A zombie has ended; who reaps an orphan is the machine's business."""
    return bool(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)


def awake(process: Process) -> bool:
    return "awake" in process.log_tail()


def test_process_is_found_and_stopped_by_a_second_object_of_its_name(run: Run) -> None:
    """Name and root are enough to find it: nothing depends on the object that started it."""
    run(SLEEP).start()
    other = run(SLEEP)
    assert other.alive()
    with pytest.raises(ProcessFailed, match="runs already"):
        other.start()
    pid = other.pid
    other.stop()
    assert not other.alive()
    assert not psutil.pid_exists(pid)


def test_recycled_pid_is_not_killed(run: Run) -> None:
    """A living pid with another start time than noted is another program's: left alone."""
    innocent = run(SLEEP, "innocent")
    innocent.start()
    gone = run(SLEEP, "gone")
    started = psutil.Process(innocent.pid).create_time()
    gone.pid_file.write_text(json.dumps({"pid": innocent.pid, "started": started - 100}))
    assert not gone.alive()
    gone.stop()
    gone.kill()
    assert innocent.alive()
    assert not gone.pid_file.exists()


def test_fork_with_a_recycled_pid_is_not_taken_for_the_one_that_ended(tmp_path: Path) -> None:
    """The kernel gives 32,768 pids in turn, and a long run of the tests uses them up."""
    last = Path("/proc/sys/kernel/ns_last_pid")
    if not os.access(last, os.W_OK):
        pytest.skip("only root of a machine of its own can say which pid comes next")
    request = {"cwd": str(tmp_path), "log": str(tmp_path / "log"), "env": dict(os.environ)}
    for _ in range(50):  # whatever else starts meanwhile may take the pid
        ended = forked.Fork(request | {"argv": ["this"]})
        assert ended.wait(30) == 0
        last.write_text(str(ended.pid - 1))
        serves = forked.Fork(request | {"argv": ["http.server", "0"]})
        status = serves.poll()
        os.kill(serves.pid, signal.SIGKILL)
        assert serves.wait(30) == -signal.SIGKILL
        assert status is None
        if serves.pid == ended.pid:
            return
    pytest.fail("no pid was given twice")


def test_stale_and_broken_pid_files_do_not_stop_a_start(run: Run) -> None:
    """What a crash left in the pid file, half a line or a dead pid, is no running process."""
    process = run(SLEEP)
    for left in ("", "{", "[]", json.dumps({"pid": 2**22 + 1, "started": 1.0})):
        process.pid_file.write_text(left)
        assert not process.alive()
    process.start()
    assert process.alive()


def test_process_that_ends_early_is_reported_at_once_with_the_end_of_its_log(
    run: Run,
) -> None:
    """No waiting for the timeout: the error has the exit code and what the program said last."""
    process = run("print('the disk is full'); raise SystemExit(3)")
    process.start()
    begun = time.monotonic()
    with pytest.raises(ProcessFailed, match=r"(?s)code 3 before it was ready.*the disk is full"):
        process.wait_ready(free_port(), timeout=within(20))
    assert time.monotonic() - begun < within(10)


def test_process_that_never_gets_ready_is_reported_with_the_end_of_its_log(run: Run) -> None:
    """After the timeout the error says how long was waited and quotes the log."""
    process = run(SLEEP)
    process.start()
    with pytest.raises(ProcessFailed, match=r"(?s)not ready after 0.5 s.*awake"):
        process.wait_ready(free_port(), timeout=0.5)


def test_deaf_process_is_killed_after_the_grace(run: Run) -> None:
    """One that ignores SIGTERM gets its grace and then SIGKILL."""
    process = run(DEAF)
    process.start()
    process.wait_ready(lambda: awake(process))
    pid = process.pid
    process.stop(grace=0.3)
    assert not psutil.pid_exists(pid)


def test_process_whose_threads_still_end_is_alive_and_waited_for(run: Run) -> None:
    """A killed process is a zombie as soon as its first thread has ended; while another one ends,
    its port answers, and who starts it again would take the old one for the new one."""
    port = free_port()
    process = run(HALF_ENDED.format(port=port))
    process.start()
    process.wait_ready(port)
    pid = process.pid
    process.wait_ready(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert process.alive()
    assert answers("127.0.0.1", port)
    process.kill()
    assert not process.alive()
    assert not answers("127.0.0.1", port)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_children_end_with_their_parent(run: Run, end: str) -> None:
    """No orphan is left behind, whichever way the parent goes."""
    process = run(PARENT)
    process.start()
    process.wait_ready(lambda: process.log_tail().count("awake") == 2)
    family = [
        process.pid,
        *(child.pid for child in psutil.Process(process.pid).children()),
    ]
    assert len(family) == 2
    getattr(process, end)()
    assert not any(map(runs, family))


def test_paused_process_goes_on_when_resumed_and_can_be_stopped_while_paused(
    run: Run,
) -> None:
    """Paused is alive and still; stopping one that is paused does not wait for the grace."""
    process = run(
        "import itertools, time\nfor n in itertools.count(): print(n, flush=True); time.sleep(0.01)"
    )
    process.start()
    process.wait_ready(lambda: bool(process.log_tail()))
    process.pause()
    time.sleep(0.1)
    still = process.log_tail(1)
    time.sleep(0.2)
    assert process.alive()
    assert process.log_tail(1) == still
    process.resume()
    process.wait_ready(lambda: process.log_tail(1) != still, timeout=within(5))
    process.pause()
    begun = time.monotonic()
    process.stop(grace=within(20))
    assert time.monotonic() - begun < within(10)
    assert not process.alive()


def test_taken_port_is_not_offered(run: Run, tmp_path: Path) -> None:
    """The preferred port is given while it is free, another one when somebody listens there."""
    port = free_port()
    assert free_port(port) == port
    server = Process(
        "server",
        python_module("http.server", "--bind", "127.0.0.1", str(port)),
        root=tmp_path,
    )
    server.start()
    try:
        server.wait_ready(port)
        assert answers("127.0.0.1", port)
        assert free_port(port) != port
    finally:
        server.stop()
    assert free_port(port) == port


def test_nobody_gets_a_port_that_another_is_about_to_use() -> None:
    """Also before anybody listens on it."""
    given = [free_port() for _ in range(500)]
    assert len(set(given)) == len(given)


def test_nor_does_another_process_while_whoever_was_given_it_lives(
    run: Run, tmp_path: Path
) -> None:
    """Two test runs at the same time; what an ended process had is given again."""
    ours = free_port()
    code = (
        "from deploy.local.ports import free_port\n"
        f"print({ours}, free_port({ours}), free_port(), flush=True)\n"
        "import time; time.sleep(60)"
    )
    other = run(code)
    other.start()
    other.wait_ready(lambda: len(other.log_tail().split()) == 3, timeout=within(20))
    asked, given, theirs = map(int, other.log_tail().split())
    assert asked == ours != given
    assert free_port(theirs) != theirs
    other.kill()
    assert free_port(theirs) == theirs
