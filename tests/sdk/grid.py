"""Four faces, each with its official SDK, by four vendor dialects: every recorded answer is asked for through every
face, and what the SDK reads must be what the recorded bytes say: text, reasoning, calls, stop class, usage.

Usage: grid.py PATH-TO-MAGIC       (recordings: MAGIC_CORPUS, default ../shared/corpus)
"""
import collections, json, sys, warnings

import recorded
from faces import FACES
from stand import Checks, Vendor, answer_of, exchanges, gateway, no_corpus

warnings.simplefilter("ignore")

# The vendor's dialect: its channel type, the recordings that speak it, the plain reader.
DIALECTS = {
    "OpenAI chat": (19, ["*-chat-completions-*"], recorded.chat),
    "OpenAI Responses": (55, ["openai-responses-*", "azure-responses-*"], recorded.responses),
    "Anthropic": (14, ["anthropic-messages-*"], recorded.anthropic),
    "Gemini": (24, ["gemini-generatecontent-*", "gemini-streamgeneratecontent-*", "vertex-*generatecontent-*"], recorded.gemini),
}
FEATURES = ["stream", "tool_call", "parallel_tools", "thinking", "cache_read", "json_schema", "finish_length"]
# What can't be compared, and why.
KNOWN = {
    "Messages of anthropic-messages-s-3c69c057dc": "the recorded ping is no JSON: the SDK fails on the vendor's own bytes",
    "Messages of anthropic-messages-s-868aa6615a": "the SDK's types leave out the usage of iterations",
    "Messages of anthropic-messages-s-b6678b0204": "the SDK's types leave out the usage of iterations",
} | {
    f"generateContent of vertex-generatecontent-{id}": "the SDK does not read the numbers of its own enum"
    for id in ("11f63c5c57", "37875f2552", "688265d145")
}
check = Checks()


def read(exchange, reader):
    """The facts of a recording; `None` where its bytes are no whole answer with one choice."""
    if exchange["response"].get("status") != 200 or exchange["vendor"] == "snowflake" and not exchange["stream"]:
        return None  # Snowflake's whole answers are chunks in OpenAI's clothes
    body = answer_of(exchange)[2].decode()
    try:
        if exchange["stream"]:
            if not body.lstrip().startswith(("data:", "event:", ":", "id:")):
                return None
            return reader(list(recorded.events(body)), True)
        return reader(json.loads(body), False)
    except (KeyError, TypeError, ValueError):
        return None


def same(face, expected, got):
    """Usage the recording does not have, the gateway counts itself."""
    if got is None:
        return False
    cut = any(arguments == recorded.CUT for _, arguments in expected["calls"])
    if cut and face.name == "generateContent":
        got["calls"] = expected["calls"]  # has no words for a call that broke off: MAX_TOKENS says it
    for one in (expected, got):
        one["reasoning"] = "".join(one["reasoning"].split())  # between two thoughts stands what the dialect puts there
    if [name for name, _ in got["calls"]] == [name for name, _ in expected["calls"]]:
        cut = [arguments == recorded.CUT for _, arguments in expected["calls"]]
        got["calls"] = [(n, recorded.CUT if c else a) for (n, a), c in zip(got["calls"], cut)]
    return all(got[k] == v for k, v in expected.items() if v is not None or k not in ("input", "output", "stop"))


def ask(face, model, stream):
    try:
        return face.ask(model, stream)
    except Exception as error:  # whatever an SDK makes of bytes it does not understand
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    if no_corpus():
        return 0
    vendor = Vendor.start()
    channels = "".join(
        f'[[channels]]\nname = "{name}"\ntype = {kind}\nbase_url = "{vendor.url}"\nkey = "sk-vendor"\nmodels = ["grid-{kind}"]\n'
        for name, (kind, _, _) in DIALECTS.items()
    )
    table = collections.defaultdict(lambda: [0, 0])
    with gateway(sys.argv[1], "[options]\nRetryTimes = 0\n" + channels) as url:
        faces = [face(url) for face in FACES]
        for name, (kind, patterns, reader) in DIALECTS.items():
            for exchange in exchanges(*patterns):
                expected = read(exchange, reader)
                if expected is None:
                    continue
                status, content_type, body = answer_of(exchange)
                vendor.answer = (status, "text/event-stream" if exchange["stream"] else content_type, body)
                for face in faces:
                    if f"{face.name} of {exchange['id']}" in KNOWN:
                        continue
                    got = ask(face, f"grid-{kind}", exchange["stream"])
                    ok = "error" not in (got or {}) and same(face, expected, got)
                    check(f"{face.name} of {exchange['id']}", ok, f"\n  recorded {json.dumps(expected)[:700]}\n  read     {json.dumps(got)[:700]}")
                    features = set(exchange["features"]) | ({"stream"} if exchange["stream"] else set())
                    for feature in ["all"] + [f for f in FEATURES if f in features]:
                        cell = table[(face.name, name, feature)]
                        cell[0] += ok
                        cell[1] += 1
    print_table(table)
    return check.end()


def print_table(table):
    print("| SDK's face | vendor speaks | all | " + " | ".join(FEATURES) + " |\n|" + "---|" * (3 + len(FEATURES)))
    for face in FACES:
        for name in DIALECTS:
            cells = [table.get((face.name, name, f), [0, 0]) for f in ["all"] + FEATURES]
            print(f"| {face.name} | {name} | " + " | ".join(f"{a}/{b}" if b else "–" for a, b in cells) + " |")


sys.exit(main())
