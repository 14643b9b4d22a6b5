"""Bedrock: Converse, and Claude by InvokeModel. Streams are binary frames."""
import base64, json, struct, zlib

from .facts import facts, finish

CONVERSE_STOPS = {"guardrail_intervened": "content_filter", "content_filtered": "content_filter"}


def frames(body):
    """The (headers, payload) of each frame of an event stream."""
    at = 0
    while at < len(body):
        total, heads = struct.unpack(">II", body[at : at + 8])
        frame = body[at : at + total]
        assert zlib.crc32(frame[:-4]) == struct.unpack(">I", frame[-4:])[0], "a frame is damaged"
        headers, rest = {}, frame[12 : 12 + heads]
        while rest:
            name = rest[1 : 1 + rest[0]].decode()
            kind, rest = rest[1 + rest[0]], rest[2 + rest[0] :]
            assert kind == 7, "a header is no text"
            length = struct.unpack(">H", rest[:2])[0]
            headers[name], rest = rest[2 : 2 + length].decode(), rest[2 + length :]
        yield headers, json.loads(frame[12 + heads : -4])
        at += total


def converse_events(body):
    return [{headers[":event-type"]: payload} for headers, payload in frames(body)]


def invoked_events(body):
    return [json.loads(base64.b64decode(payload["bytes"])) for _, payload in frames(body)]


def block_into(found, block):
    """A block of content; what the vendor's own tools were asked and said is nobody's call."""
    if "text" in block:
        found["text"] += block["text"]
    elif "citationsContent" in block:
        found["text"] += "".join(part.get("text", "") for part in block["citationsContent"].get("content") or [])
    elif "reasoningContent" in block:
        found["reasoning"] += (block["reasoningContent"].get("reasoningText") or {}).get("text", "")
    elif "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
        found["calls"].append((block["toolUse"]["name"], block["toolUse"]["input"]))


def converse(answer, stream):
    found = facts()
    if stream:
        blocks, usage = {}, None
        for event in answer:
            ((kind, value),) = event.items()
            if kind == "contentBlockStart":
                blocks[value["contentBlockIndex"]] = {
                    name: dict(start, input="") if name == "toolUse" else start for name, start in value["start"].items()
                }
            elif kind == "contentBlockDelta":
                block, delta = blocks.setdefault(value["contentBlockIndex"], {}), value["delta"]
                if "text" in delta:
                    block["text"] = block.get("text", "") + delta["text"]
                elif "toolUse" in delta:
                    block["toolUse"]["input"] += delta["toolUse"]["input"]
                elif "reasoningContent" in delta:
                    said = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
                    said["reasoningText"]["text"] += delta["reasoningContent"].get("text", "")
            elif kind == "messageStop":
                found["stop"] = value["stopReason"]
            elif kind == "metadata":
                usage = value["usage"]
        if usage is None or found["stop"] is None:
            return None  # it broke off
        content = [block for _, block in sorted(blocks.items())]
    else:
        content, found["stop"], usage = answer["output"]["message"]["content"], answer["stopReason"], answer["usage"]
    for block in content:
        block_into(found, block)
    found["stop"] = CONVERSE_STOPS.get(found["stop"], found["stop"])
    cached = (usage.get("cacheReadInputTokens") or 0) + (usage.get("cacheWriteInputTokens") or 0)
    found["input"], found["output"] = usage["inputTokens"] + cached, usage["outputTokens"]
    return finish(found)
