"""Gemini's generateContent."""
from .facts import facts, finish


def gemini(answer, stream):
    found, usage = facts(), {}
    for value in answer if stream else [answer]:
        if "error" in value:
            return None
        usage.update(value.get("usageMetadata") or {})
        for candidate in value.get("candidates") or []:
            parts = (candidate.get("content") or {}).get("parts") or []
            if other := candidate.get("index"):
                said = "".join(part.get("text") or "" for part in parts if not part.get("thought"))
                found["others"][str(other)] = found["others"].get(str(other), "") + said
                continue
            for part in parts:
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
    found["input"], found["output"] = gemini_usage(usage)
    return finish(found)


def gemini_usage(usage):
    prompt = usage.get("promptTokenCount", 0) + usage.get("toolUsePromptTokenCount", 0)
    return prompt, usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
