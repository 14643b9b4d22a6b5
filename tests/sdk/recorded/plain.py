"""Vendors of bare text: TGI's own generate, and Replicate's predictions."""
import json

from .facts import facts, finish


def tgi(answer, stream):
    found = facts()
    assert not stream, "no such stream is recorded"
    details = answer.get("details") or {}
    if details.get("best_of_sequences"):
        return None  # several answers
    found["text"] = answer["generated_text"].removeprefix(" ")  # the space after `Assistant:`, which ends the prompt
    found["stop"] = details.get("finish_reason") or "stop"
    found["input"], found["output"] = PROMPT_TOKENS, details.get("generated_tokens")
    return finish(found)


# TGI tells usage in headers; the recordings are bodies only.
PROMPT_TOKENS = 11


def tgi_headers(answer):
    generated = (json.loads(answer).get("details") or {}).get("generated_tokens")
    return {"x-prompt-tokens": PROMPT_TOKENS, "x-generated-tokens": generated}


def prediction_events(body):
    """The (event, data) of a stream whose data is bare text of several lines."""
    for block in body.decode().replace("\r\n", "\n").split("\n\n"):
        fields = [line.partition(":") for line in block.split("\n") if not line.startswith(":")]
        bare = [(name, value[1:] if value.startswith(" ") else value) for name, _, value in fields]
        data = [value for name, value in bare if name == "data"]
        if data:
            yield dict(bare).get("event"), "\n".join(data)


def replicate(answer, stream):
    found = facts()
    assert stream, "no such whole answer is recorded"
    for event, data in answer:
        if event == "error":
            return None
        found["text"] += data if event == "output" else ""
        found["stop"] = "stop" if event == "done" else found["stop"]
    return finish(found) if found["stop"] else None
