"""Anthropic's Messages."""
from asks import CALLS, LIMIT, PARAMETERS, PDF, PNG, PROOF, RESULT, SCHEMA, SYSTEM, THOUGHT, TOOL
from .openai import holds, joined, parts, stops


class Messages:
    def stream(self, body, seen):
        return body.get("stream") is True

    def system(self, body, seen):
        return joined(body["system"]) == SYSTEM

    def limits(self, body, seen):
        return body["max_tokens"] == LIMIT and stops(body.get("stop_sequences"), seen)

    def document(self, body, seen):
        source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
        return [block["source"] for block in parts(body["messages"][-1]) if block["type"] == "document"] == [source]

    def tools(self, body, seen):
        return len(body["tools"]) == 1 and holds(body["tools"][0], dict(TOOL, input_schema=PARAMETERS))

    def forced_call(self, body, seen):
        return self.tools(body, seen) and body["tool_choice"]["type"] == "any"

    def parallel_calls(self, body, seen):
        _, turn, answer = body["messages"]
        calls = [block for block in turn["content"] if block["type"] == "tool_use"]
        made = [(block["name"], block["input"]) for block in calls]
        results = [(block["type"], block["tool_use_id"], joined(block["content"])) for block in answer["content"]]
        wanted = [("tool_result", call["id"], result) for call, (_, _, result) in zip(calls, CALLS)]
        return self.tools(body, seen) and made == [(TOOL["name"], {"city": city}) for _, city, _ in CALLS] and results == wanted

    def image(self, body, seen):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        return [block["source"] for block in parts(body["messages"][-1]) if block["type"] == "image"] == [source]

    def reasoning(self, body, seen):
        thinking = body["thinking"]
        return thinking["type"] == "enabled" and 1024 <= thinking["budget_tokens"] < body["max_tokens"]

    def schema(self, body, seen):
        form = body["output_config"]["format"]
        return form["type"] == "json_schema" and holds(form["schema"], SCHEMA)

    def cache_mark(self, body, seen):
        return parts(body["messages"][-1])[-1]["cache_control"]["type"] == "ephemeral"

    def text_in_pieces(self, body, seen):
        return joined(body["messages"][1]["content"]) == "hello"

    def thought_returned(self, body, seen):
        _, turn, answer = body["messages"]
        thought, call = turn["content"]
        (result,) = answer["content"]
        told = result["tool_use_id"] == call["id"] and joined(result["content"]) == RESULT
        return told and holds(thought, {"type": "thinking", "thinking": THOUGHT, "signature": PROOF})

class Invoked(Messages):
    """On Bedrock: the model and the stream are in the path."""

    def stream(self, body, seen):
        return seen.path.endswith("/invoke-with-response-stream") and "stream" not in body and "model" not in body
