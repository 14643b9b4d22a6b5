"""OpenAI's Responses."""
import json

from .facts import facts, finish


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
    found["input"], found["output"] = responses_usage(answer.get("usage") or {})
    return finish(found)


def responses_usage(usage):
    return usage.get("input_tokens"), usage.get("output_tokens")
