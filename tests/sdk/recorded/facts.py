"""The facts that are compared, and how what is not settled in a recording is settled."""
import json

STOPS = {
    "stop": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop", "pause_turn": "stop", "STOP": "stop", "completed": "stop",
    "length": "length", "max_tokens": "length", "max_output_tokens": "length", "MAX_TOKENS": "length", "model_context_window_exceeded": "length",
    "tool_calls": "tool", "function_call": "tool", "tool_use": "tool",
    "UNEXPECTED_TOOL_CALL": "stop",
    "1": "stop", "2": "length",  # Vertex through some relays: the numbers of its enum
    "content_filter": "filter", "refusal": "filter", "SAFETY": "filter", "RECITATION": "filter", "PROHIBITED_CONTENT": "filter",
}

CUT = "arguments that broke off"  # every SDK completes these in its own way


def facts():
    """Of the first candidate; `others` are the texts of further ones, by their index."""
    return {"text": "", "reasoning": "", "calls": [], "stop": None, "input": None, "output": None, "others": {}}


def finish(found):
    """Arguments parsed, the stop class settled: a call is a call, whatever the reason is named."""
    found["calls"] = [(name, arguments_of(arguments)) for name, arguments in found["calls"]]
    stop = STOPS.get(str(found["stop"]), found["stop"])
    found["stop"] = "tool" if found["calls"] and stop in ("stop", "tool") else "stop" if stop == "tool" else stop
    return found


def arguments_of(arguments):
    if not isinstance(arguments, str):
        return arguments or {}
    try:
        return json.loads(arguments or "{}") or {}
    except ValueError:
        return CUT


def events(body):
    """The JSON of every `data:` of an SSE body."""
    for block in body.replace("\r\n", "\n").split("\n\n"):
        data = "\n".join(line[5:].lstrip(" ") for line in block.split("\n") if line.startswith("data:"))
        if data and data != "[DONE]":
            yield json.loads(data)
