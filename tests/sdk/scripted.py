"""The plainest answer of each dialect, whole and streamed: "hello", ten tokens in and five out."""
import base64, json, struct, zlib

SSE, JSON, BINARY = "text/event-stream", "application/json", "application/vnd.amazon.eventstream"


def sse(*events):
    return "".join(f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events).encode()


def frame(name, value):
    heads = b""
    for key, text in ((":event-type", name), (":content-type", JSON), (":message-type", "event")):
        heads += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(text)) + text.encode()
    payload = json.dumps(value).encode()
    start = struct.pack(">II", len(heads) + len(payload) + 16, len(heads))
    whole = start + struct.pack(">I", zlib.crc32(start)) + heads + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def chat():
    base = {"id": "c", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    one = lambda key, said, stop: [{"index": 0, key: said, "finish_reason": stop}]
    whole = dict(base, object="chat.completion", choices=one("message", {"role": "assistant", "content": "hello"}, "stop"), usage=usage)
    chunk = dict(base, object="chat.completion.chunk")
    deltas = [one("delta", {"role": "assistant", "content": "hello"}, None), one("delta", {}, "stop")]
    return whole, SSE, sse(*[dict(chunk, choices=c) for c in deltas], dict(chunk, choices=[], usage=usage), "[DONE]")


def responses():
    part = {"type": "output_text", "text": "hello", "annotations": []}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    base = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "status": "in_progress", "output": []}
    whole = dict(base, status="completed", output=[item], usage=usage)
    at = {"output_index": 0, "content_index": 0, "item_id": "msg_1"}
    events = [
        {"type": "response.created", "response": base},
        {"type": "response.output_item.added", "output_index": 0, "item": dict(item, content=[], status="in_progress")},
        {"type": "response.content_part.added", "part": dict(part, text=""), **at},
        {"type": "response.output_text.delta", "delta": "hello", **at},
        {"type": "response.output_text.done", "text": "hello", **at},
        {"type": "response.content_part.done", "part": part, **at},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return whole, SSE, sse(*[dict(event, sequence_number=n) for n, event in enumerate(events)])


def claude():
    base = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
    whole = dict(base, content=[{"type": "text", "text": "hello"}], stop_reason="end_turn", usage={"input_tokens": 10, "output_tokens": 5})
    begun = dict(base, content=[], stop_reason=None, usage={"input_tokens": 10, "output_tokens": 1})
    events = [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hello"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    return whole, events


def messages():
    whole, events = claude()
    return whole, SSE, "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def invoked():
    whole, events = claude()
    pieces = [{"bytes": base64.b64encode(json.dumps(event).encode()).decode()} for event in events]
    return whole, BINARY, b"".join(frame("chunk", piece) for piece in pieces)


def converse():
    usage = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
    whole = {"output": {"message": {"role": "assistant", "content": [{"text": "hello"}]}}, "stopReason": "end_turn", "usage": usage}
    events = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "hello"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": usage, "metrics": {"latencyMs": 1}}),
    ]
    return whole, BINARY, b"".join(frame(name, value) for name, value in events)


def gemini():
    candidate = {"content": {"role": "model", "parts": [{"text": "hello"}]}, "finishReason": "STOP", "index": 0}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": 5, "totalTokenCount": 15}
    whole = {"candidates": [candidate], "usageMetadata": usage}
    return whole, SSE, sse(whole)


def cohere():
    usage = {"billed_units": {"input_tokens": 10, "output_tokens": 5}, "tokens": {"input_tokens": 10, "output_tokens": 5}}
    content = lambda one: {"message": {"content": one}}
    whole = {"id": "1", "finish_reason": "COMPLETE", "usage": usage}
    whole["message"] = {"role": "assistant", "content": [{"type": "text", "text": "hello"}]}
    return whole, SSE, sse(
        {"type": "message-start", "id": "1", "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-start", "index": 0, "delta": content({"type": "text", "text": ""})},
        {"type": "content-delta", "index": 0, "delta": content({"text": "hello"})},
        {"type": "content-end", "index": 0},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    )


def ollama():
    line = lambda text, **more: {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": text}, **more}
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 10, "eval_count": 5}
    lines = [line("hello", done=False), line("", **end)]
    return line("hello", **end), "application/x-ndjson", "".join(json.dumps(one) + "\n" for one in lines).encode()


def dashscope():
    choice = {"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    whole = {"output": {"choices": [choice]}, "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}, "request_id": "r"}
    return whole, SSE, f"id:1\nevent:result\n:HTTP_STATUS/200\ndata:{json.dumps(whole)}\n\n".encode()


def tgi():
    details = {"finish_reason": "eos_token", "generated_tokens": 5, "seed": None, "input_length": 10, "prefill": [], "tokens": []}
    token = lambda text, special: {"id": 1, "text": text, "logprob": -0.1, "special": special}
    return {"generated_text": "hello", "details": details}, SSE, sse(
        {"index": 1, "token": token("hello", False), "generated_text": None, "details": None},
        {"index": 2, "token": token("</s>", True), "generated_text": "hello", "details": details},
    )


def replicate():
    whole = {"id": "1", "model": "m", "status": "succeeded", "output": ["hel", "lo"], "error": None}
    whole["metrics"] = {"input_token_count": 10, "output_token_count": 5}
    return whole, SSE, b"event: output\nid: 1\ndata: hello\n\nevent: done\nid: 2\ndata: {}\n\n"
