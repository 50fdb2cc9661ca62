"""An adapter of a language that cannot open descriptors: events are marked lines on stdout."""

import json
import sys


def put(**event):
    print("@interimspec " + json.dumps({"v": 1, **event}), flush=True)


print("some banner", flush=True)
put(event="hello", client="stdout", version="1", stack=[], can={})
for line in sys.stdin:
    plan = json.loads(line)
    print("noise without end", end="")
    print()
    put(event="done", plan=plan["plan"])
