"""What clients send must be in no output and no recording."""
import contextlib
import subprocess

from harness.case import check


@contextlib.contextmanager
def recorded(t, pid, *options):
    """A trace, and a recording of the same for check_no_canary()."""
    recording = t.folder / "run.tw"
    record = t.trace(pid, *options, log=False, profile=False, checked=False)
    record.command[1:1] = ["record", "-o", recording]
    with t.trace(pid, "--client-address", *options) as trace, record:
        yield trace


def unpacked(t, recording):
    """The file and whatever zstd finds in it."""
    zstd = t.tool("zstd")
    data = recording.read_bytes()
    found = [data]
    at = data.find(b"\x28\xb5\x2f\xfd")
    while at >= 0:
        done = subprocess.run([zstd, "-dcqf"], input=data[at:], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
        found.append(done.stdout)
        at = data.find(b"\x28\xb5\x2f\xfd", at + 4)
    return b"".join(found)


def check_no_canary(t, trace, canary, shown):
    """Of a run of recorded(). `shown` is in the log and in the report of the recording."""
    recording = t.folder / "run.tw"
    lines = t.tailwhy("report", recording, "--format", "jsonl", "--log-requests", "all").stdout
    check(f'"{shown}"' in lines, "the recording has no request")
    check(f'"{shown}"' in trace.log_file.read_text(), "the log has no request")
    report = t.tailwhy("report", recording).stdout
    for what, data in (("log", trace.log_file.read_bytes()), ("report", report.encode()),
                       ("lines", lines.encode()), ("summary", trace.summary_file.read_bytes()),
                       ("recording", unpacked(t, recording)), ("stderr", trace.process.err.read_bytes())):
        check(canary.encode() not in data, f"the canary is in the {what}")
