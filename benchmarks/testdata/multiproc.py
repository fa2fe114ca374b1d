# SPDX-License-Identifier: Apache-2.0
#
# Writes files as so many processes of client_python would, each with 800 counters, 100
# gauges and 100 histograms of 11 buckets, and then answers each line of its input with the
# length of a scrape of all of them.
#
#     PROMETHEUS_MULTIPROC_DIR=DIR python3 multiproc.py FILES

import sys

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

process = 1
values.ValueClass = values.MultiProcessValue(lambda: process)
names = ["method", "path", "status"]
counter = Counter("requests_total", "Requests.", names, registry=None)
gauge = Gauge("depth", "Depth.", names, registry=None, multiprocess_mode="max")
histogram = Histogram(
    "seconds", "Time.", names, registry=None,
    buckets=[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
for process in range(1, int(sys.argv[1]) + 1):
    for i in range(1000):
        labels = ["GET", "/api/v1/resource/%d" % i, "200"]
        if i % 10 == 8:
            gauge.labels(*labels).set(process)
        elif i % 10 == 9:
            histogram.labels(*labels).observe(0.1)
        else:
            counter.labels(*labels).inc(i)
print("ready", flush=True)

for _ in sys.stdin:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    print(len(generate_latest(registry)), flush=True)
