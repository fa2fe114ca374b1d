# SPDX-License-Identifier: Apache-2.0
#
# Reads expositions of OpenMetrics from stdin, each after a line with its length, and
# answers each with one line of JSON: the families as client_python reads them, or why
# it does not.

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Timestamp


def moment(t):
    if t is None:
        return None
    if isinstance(t, Timestamp):
        return {"seconds": t.sec, "nanos": t.nsec}
    return {"float": repr(t)}


def exemplar(e):
    if e is None:
        return None
    return {"labels": e.labels, "value": str(e.value), "time": moment(e.timestamp)}


def sample(s):
    return {
        "name": s.name,
        "labels": s.labels,
        "value": str(s.value),
        "time": moment(s.timestamp),
        "exemplar": exemplar(s.exemplar),
    }


def family(f):
    return {
        "name": f.name,
        "help": f.documentation,
        "type": f.type,
        "unit": f.unit,
        "samples": [sample(s) for s in f.samples],
    }


def read(data):
    try:
        text = data.decode("utf-8")
        return {"families": [family(f) for f in text_string_to_metric_families(text)]}
    except Exception as e:  # the parser raises whatever it stumbles over
        return {"error": f"{type(e).__name__}: {e}"}


while line := sys.stdin.buffer.readline():
    answer = read(sys.stdin.buffer.read(int(line)))
    print(json.dumps(answer), flush=True)
