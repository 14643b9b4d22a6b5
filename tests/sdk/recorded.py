"""What a recorded answer says, read plainly from its bytes: the measure for what comes out of the gateway."""
import collections, json

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
    return {"text": "", "reasoning": "", "calls": [], "stop": None, "input": None, "output": None}


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


def words(content):
    """Text and reasoning of a content that is a string or parts."""
    if isinstance(content, str):
        return content, ""
    text = reasoning = ""
    for part in content or []:
        if part.get("type") == "thinking":
            reasoning += words(part.get("thinking"))[0]
        elif "text" in part:
            text += part["text"]
    return text, reasoning


def chat_usage(usage):
    """The total decides: some vendors leave thoughts out of the completion, or sounds out of the prompt."""
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if prompt is not None and completion is not None:
        prompt += (usage.get("prompt_tokens_details") or {}).get("audio_tokens") or 0 if usage.get("prompt_audio_seconds") else 0
        completion = max(completion, (usage.get("total_tokens") or 0) - prompt)
    return prompt, completion


def chat(answer, stream):
    found, calls = facts(), {}
    if stream and len({value.get("id") or None for value in answer} - {None}) > 1:
        return None  # several answers in one recording
    for value in answer if stream else [answer]:
        if value.get("error"):
            return None
        usage = value.get("usage")
        if usage:
            found["input"], found["output"] = chat_usage(usage)
        for choice in value.get("choices") or []:
            if choice.get("index"):
                return None
            said = choice.get("delta" if stream else "message") or {}
            text, reasoning = words(said.get("content"))
            found["text"] += text + (said.get("refusal") or "")
            details = "".join(d.get("text") or d.get("summary") or "" for d in said.get("reasoning_details") or [])
            found["reasoning"] += (said.get("reasoning_content") or said.get("reasoning") or details) + reasoning
            if said.get("function_call"):
                said["tool_calls"] = [{"index": 0, "function": said["function_call"]}]
            for position, call in enumerate(said.get("tool_calls") or []):
                key = call.get("index") if call.get("index") is not None else position
                name, arguments = calls.setdefault(key, [None, ""])
                function = call.get("function") or {}
                raw = function.get("arguments") or ""
                calls[key] = [name or function.get("name"), arguments + (raw if isinstance(raw, str) else json.dumps(raw))]
            found["stop"] = choice.get("finish_reason") or found["stop"]
    found["calls"] = list(calls.values())
    return finish(found)


def responses(answer, stream):
    if stream:
        ends = [e["response"] for e in answer if e.get("type") in ("response.completed", "response.incomplete")]
        if len(ends) != 1:
            return None
        answer = ends[0]
    if answer.get("status") not in ("completed", "incomplete"):
        return None
    found = facts()
    for item in answer["output"]:
        if item["type"] == "message":
            found["text"] += "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])
        elif item["type"] == "reasoning":
            summary = "".join(part["text"] for part in item.get("summary") or [])
            found["reasoning"] += summary or "".join(part.get("text", "") for part in item.get("content") or [])
        elif item["type"] == "function_call":
            found["calls"].append((item["name"], item["arguments"]))
        elif item["type"] == "custom_tool_call":
            found["calls"].append((item["name"], json.dumps({"input": item["input"]})))
    found["stop"] = (answer.get("incomplete_details") or {}).get("reason") or "completed"
    usage = answer.get("usage") or {}
    found["input"], found["output"] = usage.get("input_tokens"), usage.get("output_tokens")
    return finish(found)


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
    if usage.get("iterations"):  # what the vendor bills when it ran the model several times
        sums = collections.Counter()
        for one in usage["iterations"]:
            sums.update({k: v for k, v in one.items() if isinstance(v, int)})
        usage = {**usage, **sums}
    cached = (usage.get("cache_read_input_tokens") or 0) + (usage.get("cache_creation_input_tokens") or 0)
    found["input"], found["output"] = usage["input_tokens"] + cached, usage["output_tokens"]
    return finish(found)


def gemini(answer, stream):
    found, usage = facts(), {}
    for value in answer if stream else [answer]:
        if "error" in value or len(value.get("candidates") or []) > 1:
            return None
        usage.update(value.get("usageMetadata") or {})
        for candidate in value.get("candidates") or []:
            for part in (candidate.get("content") or {}).get("parts") or []:
                if any(name in part for name in ("executableCode", "codeExecutionResult", "inlineData")):
                    return None  # other dialects say these in their own way
                if part.get("thought"):
                    found["reasoning"] += part.get("text") or ""
                elif "functionCall" in part:
                    call = part["functionCall"]
                    if "partialArgs" in call or "name" not in call:
                        return None
                    found["calls"].append((call["name"], call.get("args")))
                else:
                    found["text"] += part.get("text") or ""
            found["stop"] = candidate.get("finishReason") or found["stop"]
    if found["stop"] is None and stream:
        return None  # it broke off
    found["input"] = usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0)
    found["output"] = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    return finish(found)
