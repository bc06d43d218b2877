"""Tries many things, each in a process of its own, and keeps what became of them in a JSON file."""

import json
import multiprocessing
import queue
import sys
import time

TIMEOUT_SECONDS = 600


def read(path):
    return json.loads(path.read_text()) if path.exists() else {}


def write(table, path):
    """One entry a line."""
    lines = [f"{json.dumps(name)}: {json.dumps(table[name], sort_keys=True)}" for name in sorted(table)]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _try(function, name, entries):
    entries.put(function(name))


class _Attempt:
    def __init__(self, context, function, name):
        self.entries = context.Queue()
        self.process = context.Process(target=_try, args=(function, name, self.entries))
        self.process.start()
        self.start = time.monotonic()

    def poll(self):
        """The entry if the process is done, {"crash": why} if it has none, else None."""
        try:
            entry = self.entries.get(timeout=0.05)
            self.process.join()
            return entry
        except queue.Empty:
            pass
        if self.process.is_alive():
            if time.monotonic() - self.start < TIMEOUT_SECONDS:
                return None
            self.process.terminate()
            self.process.join()
            return {"crash": f"took more than {TIMEOUT_SECONDS} s"}
        self.process.join()
        return {"crash": f"ended with status {self.process.exitcode}"}


def sweep(names, function, jobs, path, say):
    """Calls `function(name)` for each name, `jobs` at a time, and puts the results in the table at `path`.

    Entries of other names stay. `say(entry)` is printed beside the name.
    """
    context = multiprocessing.get_context("fork")
    table = read(path)
    waiting, running = list(names), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            running[name] = _Attempt(context, function, name)
        for name, attempt in list(running.items()):
            entry = attempt.poll()
            if entry is None:
                continue
            del running[name]
            table[name] = entry
            write(table, path)
            print(f"{name}: {entry.get('crash') or say(entry)}", file=sys.stderr, flush=True)
