"""OpenAI's chat completions, and those of the many who speak it."""
import json

from .facts import facts, finish


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
    ends = [choice for value in answer if stream for choice in value.get("choices") or [] if choice.get("finish_reason")]
    if len({choice.get("index") for choice in ends}) < len(ends) and len({value.get("id") for value in answer}) > 1:
        return None  # several answers in one recording
    for value in answer if stream else [answer]:
        if value.get("error"):
            return None
        usage = value.get("usage")
        if usage:
            found["input"], found["output"] = chat_usage(usage)
        for choice in value.get("choices") or []:
            said = choice.get("delta" if stream else "message") or {}
            text, reasoning = words(said.get("content"))
            if other := choice.get("index"):
                found["others"][str(other)] = found["others"].get(str(other), "") + text
                continue
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
