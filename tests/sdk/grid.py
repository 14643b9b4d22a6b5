"""Four faces, each with its official Python and Node SDK, by the dialects that vendors speak: every recorded answer is
asked for through every face, and what the SDK reads must be what the recorded bytes say: text, reasoning, calls, stop
class, usage.

Usage: grid.py PATH-TO-MAGIC [--write]       (recordings: MAGIC_CORPUS, default ../shared/corpus)
--write puts the table of answers in the README; without it, a README that says something else is a failure.
"""
import collections, concurrent.futures, json, sys, warnings

import recorded
from dialects import DIALECTS
from faces import FACES
from known import KNOWN, USAGE
from node import Node
from readme import settle
from stand import Checks, Vendor, answer_of, exchanges, gateway, no_corpus

warnings.simplefilter("ignore")
NAMES = [face.name for face in FACES]
FEATURES = {"tool_call": "calls", "parallel_tools": "parallel", "thinking": "thoughts", "cache_read": "cached", "finish_length": "cut short"}
check = Checks()


def same(face, expected, got):
    """Usage the recording does not have, the gateway counts itself."""
    if got is None:
        return False
    cut = any(arguments == recorded.CUT for _, arguments in expected["calls"])
    if cut and face == "generateContent":
        got["calls"] = expected["calls"]  # has no words for a call that broke off: MAX_TOKENS says it
    if [name for name, _ in got["calls"]] == [name for name, _ in expected["calls"]]:
        cut = [arguments == recorded.CUT for _, arguments in expected["calls"]]
        got["calls"] = [(n, recorded.CUT if c else a) for (n, a), c in zip(got["calls"], cut)]
    compared = {k: v for k, v in expected.items() if v is not None or k not in ("input", "output", "stop")}
    if face in ("Responses", "Messages"):
        compared.pop("others")  # have words for one candidate only
    one, other = dict(compared), {k: got[k] for k in compared}
    for said in (one, other):
        said["reasoning"] = "".join(said["reasoning"].split())  # between two thoughts stands what the dialect puts there
    return one == other


def ask(face, model, stream):
    try:
        return face.ask(model, stream)
    except Exception as error:  # whatever an SDK makes of bytes it does not understand
        return {"error": f"{type(error).__name__}: {error}"}


class Grid:
    """Asks all faces, by both SDKs, for one answer at a time."""

    def __init__(self, vendor, url, pool):
        self.vendor, self.pool = vendor, pool
        self.python, self.node = [face(url) for face in FACES], Node(url)
        self.table, self.once = collections.defaultdict(collections.Counter), collections.Counter()
        self.met, self.used = set(), set()

    def replay(self, dialect, model, exchange):
        status, content_type, body = answer_of(exchange)
        body = dialect.sent(exchange, body)
        expected = dialect.facts(exchange, body)
        if expected is None:
            return
        if exchange["id"] in USAGE:
            self.used.add(exchange["id"])
            expected["input"] = expected["output"] = None
        self.vendor.answer = (status, dialect.stream_type if exchange["stream"] else content_type, body)
        self.vendor.first = self.vendor.prediction() if dialect.polled else None
        self.vendor.headers = dialect.headers(body)
        faces = [face for face in NAMES if face in (dialect.faces or NAMES)]
        asked = {face.name: self.pool.submit(ask, face, model, exchange["stream"]) for face in self.python if face.name in faces}
        node = self.node.ask_all(faces, model, exchange["stream"])
        row = self.table[dialect.name]
        facts = {"recordings", *exchange["features"]} | ({"streams"} if exchange["stream"] else set())
        row.update(facts)
        self.count_once(facts, exchange["id"])
        for face in faces:
            for sdk, got in (("Python", asked[face].result()), ("Node", node[face])):
                name = f"{face} of {exchange['id']}"
                if name in KNOWN or f"{name} ({sdk})" in KNOWN:
                    self.used.add(name if name in KNOWN else f"{name} ({sdk})")
                    continue
                ok = "error" not in (got or {}) and same(face, expected, got)
                told = f"through {dialect.name}\n  recorded {json.dumps(expected)[:700]}\n  read     {json.dumps(got)[:700]}"
                if check(f"{name} ({sdk})", ok, told):
                    row[face, sdk] += 1
                    self.count_once({(face, sdk)}, exchange["id"])

    def count_once(self, facts, name):
        self.once.update(fact for fact in facts if (fact, name) not in self.met)
        self.met |= {(fact, name) for fact in facts}

    def lines(self):
        heads = ["vendor speaks", "type", "recorded", "streams"] + list(FEATURES.values()) + NAMES
        yield "| " + " | ".join(heads) + " |"
        yield "|" + "---|" * len(heads)
        for dialect in DIALECTS:
            yield self.line(dialect.name, dialect.kind, self.table[dialect.name])
        yield self.line("recordings, each once", "", self.once)

    @staticmethod
    def line(name, kind, row):
        numbers = [row[key] or "–" for key in ["recordings", "streams", *FEATURES]]
        both = [f"{row[face, 'Python']} + {row[face, 'Node']}" if row[face, "Node"] else "–" for face in NAMES]
        return "| " + " | ".join(str(cell) for cell in [name, kind, *numbers, *both]) + " |"


def main():
    if no_corpus():
        return 0
    vendor = Vendor.start()
    models = {dialect.name: f"grid-{number}" for number, dialect in enumerate(DIALECTS)}
    channels = "".join(dialect.channel(vendor, models[dialect.name]) for dialect in DIALECTS)
    with gateway(sys.argv[1], "[options]\nRetryTimes = 0\n" + channels) as url, concurrent.futures.ThreadPoolExecutor(4) as pool:
        grid = Grid(vendor, url, pool)
        for dialect in DIALECTS:
            before = check.passed
            for exchange in exchanges(*dialect.patterns):
                grid.replay(dialect, models[dialect.name], exchange)
            print(f"{dialect.name}: {check.passed - before} checks")
        grid.node.end()
    lines = list(grid.lines())
    print("\n".join(lines))
    check("what can't be compared was met", grid.used == KNOWN.keys() | USAGE.keys(), (KNOWN.keys() | USAGE.keys()) - grid.used)
    check("the README's table of answers (grid.py --write writes it)", settle("answers", lines))
    return check.end()


sys.exit(main())
