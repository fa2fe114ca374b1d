# SPDX-License-Identifier: Apache-2.0
"""Has several processes write metrics in client_python's multiprocess mode.

Reads commands from standard input, one a line, and answers each with one line:

    work ROUND   forks workers that write and end; answers with how many
    expose       answers with JSON of what MultiProcessCollector exposes
    dead ID      marks a worker as dead
    hammer       starts a worker that writes until the next command

Values are multiples of powers of two, so that sums do not depend on their order.
"""
import json
import os
import sys
import time

WORKERS = 4
TEXTS = ["plain", 'quo"ted', "back\\slash", "new\nline", "tab\tcr\r", "ünïcode €", "emoji \U0001f525", "\x7f\x01\u2028", "", "{a=\"b\"},"]


def metrics(value_class=None):
    """Imports anew, as each process does after it was forked from one without metrics."""
    import prometheus_client as p
    import prometheus_client.values as v
    if value_class:
        v.ValueClass = value_class(v)
    return p


def work(number, turn):
    # A name instead of the process id, so that the next turn opens the same files.
    p = metrics(lambda v: v.MultiProcessValue(lambda: "w%d" % number))
    r = p.CollectorRegistry()
    scale = (number + 1) * turn
    c = p.Counter("requests", "Requests, \"quoted\", with \\ and\nlines.", ["path", "code"], registry=r)
    for i, text in enumerate(TEXTS):
        c.labels(text, str(200 + i)).inc(scale + i * 0.5)
    if turn > 1 and number == 1:
        for i in range(3000):  # more than one page, and than the first size of a file
            c.labels("late%d" % i, "x" * (i % 40)).inc(i)
    p.Counter("plain_total", "", registry=r).inc(1e15 + scale)
    p.Counter("never", "Never incremented.", registry=r)
    p.Counter("infinite", "Infinite.", registry=r).inc(float("inf"))
    for mode in ("all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum"):
        g = p.Gauge("level_" + mode, "Gauge %s." % mode, ["l"], registry=r, multiprocess_mode=mode)
        for i, text in enumerate(TEXTS):
            g.labels(text).set((scale - 3) * (i + 0.25))
        if number == 2:
            g.labels("one worker alone").set(-scale)
        p.Gauge("unset_" + mode, "Never set.", registry=r, multiprocess_mode=mode)
        p.Gauge("special_" + mode, "", registry=r, multiprocess_mode=mode).set(float("-inf") if number else 1e300)
    h = p.Histogram("latency_seconds", "Latency.", ["path"], registry=r)
    for i in range(200 * turn):
        h.labels(TEXTS[i % len(TEXTS)]).observe(i / 16)
    p.Histogram("big", "", buckets=(-1, 0, 1e-9, 1000000, 1e6 + 0.5, 1e21, 1e100), registry=r).observe(scale * 1e6)
    p.Histogram("unobserved", "", registry=r)
    s = p.Summary("size_bytes", "Size.", ["path"], registry=r)
    for i in range(50):
        s.labels(TEXTS[i % 3]).observe(-i * 0.25)
    p.Summary("unobserved_summary", "", registry=r)
    layout = (0.125, 1) if number % 2 else (0.5, 1)
    m = p.Histogram("mixed", "Two layouts.", buckets=layout, registry=r)
    for v in (0.0625, 0.25, 0.75, 2):
        m.observe(v)


def hammer():
    p = metrics()
    r = p.CollectorRegistry()
    c = p.Counter("hot", "", registry=r)
    many = p.Counter("many", "", ["n"], registry=r)
    h = p.Histogram("hot_seconds", "", registry=r)
    n = 0
    while True:
        c.inc()
        h.observe(n % 16)
        if n % 32 == 0:
            many.labels("a longer value so that files grow soon %d" % n).inc()
        n += 1


def fork(f, *args):
    pid = os.fork()
    if pid == 0:
        try:
            f(*args)
            os._exit(0)
        except BaseException as e:
            sys.stderr.write(repr(e) + "\n")
            os._exit(1)
    return pid


def expose():
    p = metrics()
    from prometheus_client import multiprocess, parser
    r = p.CollectorRegistry()
    multiprocess.MultiProcessCollector(r)
    text = p.generate_latest(r).decode("utf-8")
    return json.dumps([
        {"name": f.name, "type": f.type, "help": f.documentation,
         "samples": [[s.name, s.labels, repr(float(s.value))] for s in f.samples]}
        for f in parser.text_string_to_metric_families(text)])


def main():
    # The parent must import nothing that is forked: each child imports for itself.
    hammering = None
    for line in sys.stdin:
        command, *args = line.split()
        if hammering:
            os.kill(hammering, 9)
            os.waitpid(hammering, 0)
            hammering = None
        if command == "work":
            pids = [fork(work, n, int(args[0])) for n in range(WORKERS)]
            bad = [s for s in (os.waitpid(pid, 0)[1] for pid in pids) if s]
            answer = str(WORKERS - len(bad))
        elif command == "expose":
            read, write = os.pipe()
            def child():
                with os.fdopen(write, "w") as f:
                    f.write(expose())
            pid = fork(child)
            os.close(write)
            with os.fdopen(read) as f:
                answer = f.read()
            os.waitpid(pid, 0)
        elif command == "dead":
            def dead():
                from prometheus_client import multiprocess
                multiprocess.mark_process_dead(args[0])
            os.waitpid(fork(dead), 0)
            answer = "ok"
        elif command == "hammer":
            hammering = fork(hammer)
            answer = str(hammering)
        else:
            answer = "unknown"
        print(answer, flush=True)
    if hammering:
        os.kill(hammering, 9)
        os.waitpid(hammering, 0)


main()
