"""Cohere's v2 chat. The plan beside calls is said: what other vendors write as text there. Usage is what is billed: the
tokens told beside it include a prompt of the vendor's own."""
from .facts import facts, finish

COHERE_STOPS = {"COMPLETE": "stop", "STOP_SEQUENCE": "stop", "MAX_TOKENS": "length", "TOOL_CALL": "tool_calls"}


def cohere(answer, stream):
    found, usage, calls = facts(), {}, {}
    if not stream:
        message = answer["message"]
        found["text"] = message.get("tool_plan") or ""
        for part in message.get("content") or []:
            found["text" if part["type"] == "text" else "reasoning"] += part.get("text") or part.get("thinking") or ""
        calls = {n: [c["function"]["name"], c["function"]["arguments"]] for n, c in enumerate(message.get("tool_calls") or [])}
        found["stop"], usage = answer["finish_reason"], answer.get("usage") or {}
    for event in answer if stream else []:
        kind, delta = event["type"], event.get("delta") or {}
        message = delta.get("message") or {}
        if kind == "tool-plan-delta":
            found["text"] += message["tool_plan"]
        elif kind in ("content-start", "content-delta"):
            found["text"] += message["content"].get("text") or ""
            found["reasoning"] += message["content"].get("thinking") or ""
        elif kind == "tool-call-start":
            function = message["tool_calls"]["function"]
            calls[event["index"]] = [function["name"], function.get("arguments") or ""]
        elif kind == "tool-call-delta":
            calls[event["index"]][1] += message["tool_calls"]["function"]["arguments"]
        elif kind == "message-end":
            found["stop"], usage = delta["finish_reason"], delta.get("usage") or {}
    if found["stop"] not in COHERE_STOPS:
        return None
    found["stop"], found["calls"] = COHERE_STOPS[found["stop"]], list(calls.values())
    tokens = usage.get("billed_units") or usage.get("tokens") or {}
    found["input"], found["output"] = tokens.get("input_tokens"), tokens.get("output_tokens")
    return finish(found)
