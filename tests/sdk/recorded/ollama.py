"""Ollama's own chat: one JSON a line."""
import json

from .facts import facts, finish


def lines(body):
    return [json.loads(line) for line in body.decode().splitlines() if line.strip()]


def ollama(answer, stream):
    found = facts()
    for line in answer if stream else [answer]:
        if "error" in line:
            return None
        message = line["message"]
        found["text"] += message.get("content") or ""
        found["reasoning"] += message.get("thinking") or ""
        for call in message.get("tool_calls") or []:
            found["calls"].append((call["function"]["name"], call["function"].get("arguments")))
        if line["done"]:
            found["stop"] = line.get("done_reason") or "stop"
            found["input"], found["output"] = line.get("prompt_eval_count"), line.get("eval_count")
    return finish(found) if found["stop"] else None
