"""Anthropic's Messages."""
import collections, json

from .facts import facts, finish


def anthropic(answer, stream):
    found, usage = facts(), {}
    if stream:
        blocks, ended = {}, False
        for event in answer:
            kind = event["type"]
            if kind == "error":
                return None
            if kind == "message_start" and usage:
                return None  # several answers in one recording
            if kind == "message_start":
                usage.update(event["message"].get("usage") or {})
            elif kind == "content_block_start":
                blocks[event["index"]] = dict(event["content_block"], json="")
            elif kind == "content_block_delta":
                block, delta = blocks[event["index"]], event["delta"]
                for name, into in (("text", "text"), ("thinking", "thinking"), ("partial_json", "json")):
                    if name in delta:
                        block[into] = block.get(into, "") + delta[name]
            elif kind == "message_delta":
                found["stop"] = event["delta"].get("stop_reason")
                usage.update({k: v for k, v in (event.get("usage") or {}).items() if v is not None})
            ended |= kind == "message_stop"
        if not ended:
            return None
        content = [dict(b, input=json.loads(b["json"])) if b["json"] else b for _, b in sorted(blocks.items())]
    else:
        if answer.get("type") != "message":
            return None
        content, found["stop"], usage = answer["content"], answer["stop_reason"], answer["usage"]
    for block in content:
        if block["type"] == "text":
            found["text"] += block["text"]
        elif block["type"] == "thinking":
            found["reasoning"] += block["thinking"]
        elif block["type"] == "tool_use":
            found["calls"].append((block["name"], block["input"]))
    found["input"], found["output"] = anthropic_usage(usage)
    return finish(found)


def anthropic_usage(usage):
    if usage.get("iterations"):  # what the vendor bills when it ran the model several times
        sums = collections.Counter()
        for one in usage["iterations"]:
            sums.update({k: v for k, v in one.items() if isinstance(v, int)})
        usage = {**usage, **sums}
    cached = (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)
    return usage["input_tokens"] + cached, usage["output_tokens"]
