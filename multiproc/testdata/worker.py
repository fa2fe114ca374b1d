# SPDX-License-Identifier: Apache-2.0
"""Counts with client_python in multiprocess mode, and waits until its input ends.

Its argument is what it counts by: a multiple of powers of two, so that sums do not depend
on their order.
"""
import os
import sys

from prometheus_client import Counter, Gauge, Histogram, Summary

n = int(sys.argv[1])
requests = Counter("requests", "Requests.", ["method"])
requests.labels("GET").inc(n)
requests.labels("python").inc(n + 0.5)
latency = Histogram("latency_seconds", "Latency.", ["path"], buckets=(0.25, 1, 4))
for i in range(n):
    latency.labels("/").observe(i % 8)
size = Summary("size_bytes", "Sizes.")
size.observe(n)
for mode in ("all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum"):
    Gauge("level_" + mode + "_now", "Level " + mode + ".", multiprocess_mode=mode).set(n)
print(os.getpid(), flush=True)
sys.stdin.read()
