"""Answers that think before they call, with the vendor's proof of the thought: whole, and streamed."""
import base64, json

from asks import PROOF, THOUGHT, TOOL
from scripted import chat, claude, converse, frame, gemini, responses, sse

ARGUMENTS = '{"city":"Paris"}'


def chunks(*deltas):
    """A chat's stream: what is thought, then the call."""
    base = {"id": "c", "created": 1, "model": "m", "object": "chat.completion.chunk"}
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": TOOL["name"], "arguments": ""}}
    rest = {"index": 0, "function": {"arguments": ARGUMENTS}}
    said = [*deltas, {"tool_calls": [call]}, {"tool_calls": [rest]}, {}]
    choices = [[{"index": 0, "delta": delta, "finish_reason": None if delta else "tool_calls"}] for delta in said]
    return sse(*[dict(base, choices=choice) for choice in choices], "[DONE]")


def message(**thought):
    whole, _, _ = chat()
    call = {"id": "call_1", "type": "function", "function": {"name": TOOL["name"], "arguments": ARGUMENTS}}
    said = {"role": "assistant", "content": None, "tool_calls": [call], **thought}
    return dict(whole, choices=[{"index": 0, "message": said, "finish_reason": "tool_calls"}])


def reasoned_call():
    return message(reasoning_content=THOUGHT), chunks({"reasoning_content": THOUGHT[:6]}, {"reasoning_content": THOUGHT[6:]})


def detailed_call():
    detail = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    said = [dict(detail, text=THOUGHT[:6]), dict(detail, text=THOUGHT[6:]), dict(detail, signature=PROOF)]
    deltas = [{"reasoning": one.get("text"), "reasoning_details": [one]} for one in said]
    return message(reasoning=THOUGHT, reasoning_details=[dict(detail, text=THOUGHT, signature=PROOF)]), chunks(*deltas)


def responses_call():
    whole, _, _ = responses()
    part = {"type": "summary_text", "text": THOUGHT}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [part], "encrypted_content": PROOF}
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": TOOL["name"], "arguments": ARGUMENTS, "status": "completed"}
    whole = dict(whole, output=[thought, call])
    first, second = {"output_index": 0, "item_id": "rs_1", "summary_index": 0}, {"output_index": 1, "item_id": "fc_1"}
    events = [
        ("created", {"response": dict(whole, output=[], status="in_progress", usage=None)}),
        ("output_item.added", {"output_index": 0, "item": {"type": "reasoning", "id": "rs_1", "summary": []}}),
        ("reasoning_summary_part.added", {"part": dict(part, text=""), **first}),
        ("reasoning_summary_text.delta", {"delta": THOUGHT, **first}),
        ("reasoning_summary_text.done", {"text": THOUGHT, **first}),
        ("reasoning_summary_part.done", {"part": part, **first}),
        ("output_item.done", {"output_index": 0, "item": thought}),
        ("output_item.added", {"output_index": 1, "item": dict(call, arguments="", status="in_progress")}),
        ("function_call_arguments.delta", {"delta": ARGUMENTS, **second}),
        ("function_call_arguments.done", {"arguments": ARGUMENTS, "name": TOOL["name"], **second}),
        ("output_item.done", {"output_index": 1, "item": call}),
        ("completed", {"response": whole}),
    ]
    return whole, sse(*[{"type": "response." + name, "sequence_number": n, **event} for n, (name, event) in enumerate(events)])


def claude_events():
    whole, events = claude()
    thought = {"type": "thinking", "thinking": THOUGHT, "signature": PROOF}
    call = {"type": "tool_use", "id": "toolu_1", "name": TOOL["name"], "input": {"city": "Paris"}}
    blocks = [
        (dict(thought, thinking="", signature=""), [{"type": "thinking_delta", "thinking": THOUGHT}, {"type": "signature_delta", "signature": PROOF}]),
        (dict(call, input={}), [{"type": "input_json_delta", "partial_json": ARGUMENTS}]),
    ]
    said = [events[0]]
    for index, (block, deltas) in enumerate(blocks):
        said.append({"type": "content_block_start", "index": index, "content_block": block})
        said += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        said.append({"type": "content_block_stop", "index": index})
    end = dict(events[-2], delta={"stop_reason": "tool_use", "stop_sequence": None})
    return dict(whole, content=[thought, call], stop_reason="tool_use"), [*said, end, events[-1]]


def claude_call():
    whole, events = claude_events()
    return whole, "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()


def invoked_call():
    whole, events = claude_events()
    return whole, b"".join(frame("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}) for event in events)


def converse_call():
    whole, _, _ = converse()
    thought = {"reasoningContent": {"reasoningText": {"text": THOUGHT, "signature": PROOF}}}
    start = {"toolUseId": "tooluse_1", "name": TOOL["name"]}
    content = [thought, {"toolUse": dict(start, input={"city": "Paris"})}]
    events = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": THOUGHT}}}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": PROOF}}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("contentBlockStart", {"contentBlockIndex": 1, "start": {"toolUse": start}}),
        ("contentBlockDelta", {"contentBlockIndex": 1, "delta": {"toolUse": {"input": ARGUMENTS}}}),
        ("contentBlockStop", {"contentBlockIndex": 1}),
        ("messageStop", {"stopReason": "tool_use"}),
        ("metadata", {"usage": whole["usage"], "metrics": {"latencyMs": 1}}),
    ]
    stream = b"".join(frame(name, value) for name, value in events)
    return dict(whole, output={"message": {"role": "assistant", "content": content}}, stopReason="tool_use"), stream


def gemini_call():
    whole, _, _ = gemini()
    call = {"functionCall": {"name": TOOL["name"], "args": {"city": "Paris"}}, "thoughtSignature": PROOF}
    parts = [{"text": THOUGHT, "thought": True}, call]
    answer = lambda parts, **end: dict(whole, candidates=[{"content": {"role": "model", "parts": parts}, "index": 0, **end}])
    return answer(parts, finishReason="STOP"), sse(answer(parts[:1]), answer(parts[1:], finishReason="STOP"))
