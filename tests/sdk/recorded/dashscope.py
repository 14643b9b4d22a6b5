"""Alibaba's own generation, text or multimodal. A running answer's reason is the word "null"."""
from .chat import words
from .facts import facts, finish


def dashscope(answer, stream):
    found, calls, usage = facts(), {}, {}
    for value in answer if stream else [answer]:
        if "output" not in value:
            return None
        output = value["output"]
        usage = value.get("usage") or usage
        choices = output.get("choices") or [{"message": {"content": output.get("text")}, "finish_reason": output.get("finish_reason")}]
        if len(choices) > 1:
            return None
        said, reason = choices[0]["message"], choices[0].get("finish_reason")
        found["text"] += words(said.get("content"))[0]
        found["reasoning"] += said.get("reasoning_content") or ""
        for position, call in enumerate(said.get("tool_calls") or []):
            name, arguments = calls.setdefault(call.get("index", position), [None, ""])
            function = call["function"]
            calls[call.get("index", position)] = [name or function.get("name"), arguments + (function.get("arguments") or "")]
        found["stop"] = reason if reason not in (None, "null") else found["stop"]
    found["calls"] = list(calls.values())
    found["input"], found["output"] = usage.get("input_tokens"), usage.get("output_tokens")
    return finish(found)
