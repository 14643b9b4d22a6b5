"""Bedrock's Converse."""
import json

from asks import CALLS, LIMIT, PARAMETERS, PDF, PNG, PROOF, RESULT, SCHEMA, SYSTEM, THOUGHT, TOOL
from .openai import holds, joined, stops


class Converse:
    def stream(self, body, seen):
        return seen.path.endswith("/converse-stream") and "stream" not in body

    def system(self, body, seen):
        return body["system"] == [{"text": SYSTEM}]

    def limits(self, body, seen):
        config = body["inferenceConfig"]
        return config["maxTokens"] == LIMIT and stops(config.get("stopSequences"), seen)

    def document(self, body, seen):
        files = [block["document"] for block in body["messages"][-1]["content"] if "document" in block]
        return [(file["format"], file["source"]) for file in files] == [("pdf", {"bytes": PDF})] and bool(files[0]["name"])

    def tools(self, body, seen):
        (tool,) = body["toolConfig"]["tools"]
        return holds(tool["toolSpec"], dict(TOOL, inputSchema={"json": PARAMETERS}))

    def forced_call(self, body, seen):
        return self.tools(body, seen) and body["toolConfig"]["toolChoice"] == {"any": {}}

    def parallel_calls(self, body, seen):
        _, turn, answer = body["messages"]
        calls = [block["toolUse"] for block in turn["content"]]
        results = [block["toolResult"] for block in answer["content"]]
        made = [(call["name"], call["input"]) for call in calls]
        told = [(result["toolUseId"], "".join(block["text"] for block in result["content"])) for result in results]
        wanted = [(call["toolUseId"], result) for call, (_, _, result) in zip(calls, CALLS)]
        return self.tools(body, seen) and made == [(TOOL["name"], {"city": city}) for _, city, _ in CALLS] and told == wanted

    def image(self, body, seen):
        pictures = [block["image"] for block in body["messages"][-1]["content"] if "image" in block]
        return pictures == [{"format": "png", "source": {"bytes": PNG}}]

    def reasoning(self, body, seen):
        thinking = body["additionalModelRequestFields"]["thinking"]
        return thinking["type"] == "enabled" and thinking["budget_tokens"] >= 1024

    def schema(self, body, seen):
        form = body["outputConfig"]["textFormat"]
        return form["type"] == "json_schema" and holds(json.loads(form["structure"]["jsonSchema"]["schema"]), SCHEMA)

    def cache_mark(self, body, seen):
        return body["messages"][-1]["content"][-1]["cachePoint"]["type"] == "default"

    def text_in_pieces(self, body, seen):
        return joined(body["messages"][1]["content"]) == "hello"

    def thought_returned(self, body, seen):
        _, turn, answer = body["messages"]
        thought, call = turn["content"]
        result = answer["content"][0]["toolResult"]
        told = result["toolUseId"] == call["toolUse"]["toolUseId"] and result["content"] == [{"text": RESULT}]
        return told and thought["reasoningContent"]["reasoningText"] == {"text": THOUGHT, "signature": PROOF}
