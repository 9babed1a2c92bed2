"""Runs cases one after another, each in its own folder and with its own time limit."""
import collections
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from harness.case import Failure, Skip
from harness.context import Context

Settings = collections.namedtuple("Settings", "binary workload root keep self_test")


class TimeUp(Exception):
    pass


def on_alarm(signum, frame):
    raise TimeUp()


def run_one(case, settings, folder, falsify=None):
    """(verdict, text, seconds) of one case."""
    context = Context(settings, folder, falsify)
    began = time.monotonic()
    verdict, text = "ok", ""
    signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(case.limit)
    try:
        case.function(context)
    except Skip as skip:
        verdict, text = "skip", str(skip)
    except Failure as failure:
        verdict, text = "FAIL", str(failure)
    except TimeUp:
        verdict, text = "FAIL", f"not over after {case.limit} s"
        (folder / "traceback.txt").write_text(traceback.format_exc())
    except Exception as error:  # a case must not take the others with it
        verdict, text = "FAIL", f"{type(error).__name__}: {error}"
        (folder / "traceback.txt").write_text(traceback.format_exc())
    finally:
        signal.alarm(0)
        context.clean_up()
    return verdict, text or "; ".join(context.notes), time.monotonic() - began


def run(cases, settings):
    if not settings.binary.exists():
        print(f"there is no {settings.binary}: tools/build makes it", file=sys.stderr)
        print(f"0 passed, {len(cases)} failed, 0 skipped")
        return 1
    if os.geteuid() != 0:
        print("tracing needs root: sudo tests/e2e/run", file=sys.stderr)
        print(f"0 passed, {len(cases)} failed, 0 skipped")
        return 1
    top = Path(tempfile.mkdtemp(prefix="tailwhy-e2e-"))
    top.chmod(0o755)  # servers that drop their privileges read their files here
    counts = collections.Counter()
    runs = [(case, None) for case in cases]
    if settings.self_test:  # first as it is: a case that fails by itself notices nothing
        runs = [(case, falsify) for case in cases if case.breaks for falsify in (None, *case.breaks)]
    for case, falsify in runs:
        name = case.name + (f" {falsify}" if falsify else "")
        folder = top / name.replace(" ", "-")
        folder.mkdir()
        folder.chmod(0o755)
        verdict, text, seconds = run_one(case, settings, folder, falsify)
        if falsify and verdict != "skip":
            noticed = verdict == "FAIL"
            verdict = "ok" if noticed else "FAIL"
            text = f"noticed: {text}" if noticed else "the falsification was not noticed"
        counts[verdict] += 1
        print(f"{verdict:4} {name}: {text or case.asks} ({seconds:.1f} s)", flush=True)
        if verdict == "FAIL":
            print(f"     its files: {folder}", flush=True)
        elif not settings.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if not any(top.iterdir()):
        top.rmdir()
    print(f"{counts['ok']} passed, {counts['FAIL']} failed, {counts['skip']} skipped")
    return 1 if counts["FAIL"] else 0
