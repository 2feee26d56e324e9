"""The solver's process: a round is decided beside the service, so heartbeats and HTTP go on.

One process for each instance of the service, started when it is first needed. It ends with its
parent, however that ends, and a new one takes its place if it dies itself.
"""

import asyncio
import gc
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from services.matching.engine import Problem, Solution, decide

_pool: ProcessPoolExecutor | None = None


async def solve(problem: Problem) -> Solution:
    """The solution of a problem, decided in the solver's process. Raises NotSolved.

    Raises BrokenProcessPool where that died, by want of memory perhaps; the next call starts anew.
    """
    global _pool  # noqa: PLW0603  one for each process
    if _pool is None:
        context = multiprocessing.get_context("spawn")
        _pool = ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, decided, problem)
    except BrokenProcessPool:
        _pool = None
        raise


def decided(problem: Problem) -> Solution:
    """The solution of a problem, in this process. Raises NotSolved."""
    gc.disable()  # deciding makes no circles, and looking for them takes a third of its time
    try:
        return decide(problem)
    finally:
        gc.enable()


def collect_seldom() -> None:
    """Look for circles of garbage seldom: a round makes a million objects and no circles."""
    gc.set_threshold(100_000, 20, 20)


def close() -> None:
    """End the solver's process, if there is one, whatever it is at."""
    global _pool  # noqa: PLW0603
    if _pool is not None:
        processes = list((_pool._processes or {}).values())
        _pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:  # else the interpreter would wait at its end for a long solution
            process.terminate()
        _pool = None


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
