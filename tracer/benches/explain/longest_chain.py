# The longest chain of each trace of a folder of Jaeger JSON files, with networkx: every span is two
# nodes, its start and its end, and time passes along edges between what follows one another below the
# same caller. Prints microseconds on the chains by "[service] operation" as JSON.
import collections
import json
import pathlib
import sys

import networkx

totals = collections.Counter()
for path in pathlib.Path(sys.argv[1]).glob("*.json"):
    for trace in json.loads(path.read_bytes())["data"]:
        spans = {span["spanID"]: span for span in trace["spans"]}
        calls = collections.defaultdict(list)
        root = None
        for span in spans.values():
            parents = [ref["spanID"] for ref in span.get("references") or [] if ref["refType"] == "CHILD_OF"]
            if parents and parents[0] in spans:
                calls[parents[0]].append(span)
            else:
                root = span
        graph = networkx.DiGraph()
        for identity, span in spans.items():
            place, now = (identity, "start"), span["startTime"]
            for child in sorted(calls[identity], key=lambda it: it["startTime"]):
                begin = child["startTime"]
                graph.add_edge(place, (child["spanID"], "start"), weight=begin - now, owner=identity)
                place, now = (child["spanID"], "end"), begin + child["duration"]
            end = span["startTime"] + span["duration"]
            graph.add_edge(place, (identity, "end"), weight=end - now, owner=identity)
        chain = networkx.dag_longest_path(graph)
        for edge in zip(chain, chain[1:]):
            edge = graph.edges[edge]
            owner = spans[edge["owner"]]
            service = trace["processes"][owner["processID"]]["serviceName"]
            totals[f"[{service}] {owner['operationName']}"] += edge["weight"]
print(json.dumps({name: time for name, time in totals.items() if time > 0}))
