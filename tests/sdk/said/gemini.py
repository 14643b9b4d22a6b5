"""Gemini's generateContent. The vendor takes names in camel and in snake case, and both alphabets of base64."""
import re

from asks import CALLS, LIMIT, PARAMETERS, PDF, PNG, PROOF, RESULT, SCHEMA, SYSTEM, TOOL
from .openai import holds, joined, stops


def camel(value):
    """Names in camel case, but those in schemas and arguments, which are the caller's."""
    if isinstance(value, list):
        return [camel(one) for one in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub("_([a-z])", lambda found: found[1].upper(), name): one for name, one in value.items()}
    return {name: one if name in OWN else camel(one) for name, one in named.items()}


OWN = {"parametersJsonSchema", "responseJsonSchema", "parameters", "responseSchema", "args", "response"}


class Gemini:
    def stream(self, body, seen):
        return seen.path.endswith(":streamGenerateContent?alt=sse")

    def system(self, body, seen):
        return joined(camel(body)["systemInstruction"]["parts"]) == SYSTEM

    def limits(self, body, seen):
        config = camel(body)["generationConfig"]
        return config["maxOutputTokens"] == LIMIT and stops(config.get("stopSequences"), seen)

    def document(self, body, seen):
        return self.inline(body, "application/pdf") == [PDF]

    def inline(self, body, kind):
        data = [part["inlineData"] for content in camel(body)["contents"] for part in content["parts"] if "inlineData" in part]
        return [plain(one["data"]) for one in data if one["mimeType"] == kind]

    def tools(self, body, seen):
        (tool,) = camel(body)["tools"]
        (one,) = tool["functionDeclarations"]
        upper = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
        return holds(one, TOOL) and (holds(one.get("parametersJsonSchema"), PARAMETERS) or holds(one.get("parameters"), upper))

    def forced_call(self, body, seen):
        return self.tools(body, seen) and camel(body)["toolConfig"]["functionCallingConfig"]["mode"] == "ANY"

    def parallel_calls(self, body, seen):
        _, turn, answer = body["contents"]
        calls = [part["functionCall"] for part in turn["parts"]]
        results = [part["functionResponse"] for part in answer["parts"]]
        made = [(call["name"], call["args"]) for call in calls]
        ids = [call.get("id") for call in calls] == [result.get("id") for result in results]
        told = [(result["name"], result["response"]) for result in results]
        roles = turn["role"] == "model" and answer["role"] in ("user", "function")
        return (
            self.tools(body, seen) and roles and ids
            and made == [(TOOL["name"], {"city": city}) for _, city, _ in CALLS]
            and told == [(TOOL["name"], {"output": result}) for _, _, result in CALLS]
        )

    def image(self, body, seen):
        return self.inline(body, "image/png") == [PNG]

    def reasoning(self, body, seen):
        thinking = camel(body)["generationConfig"]["thinkingConfig"]
        return thinking.get("thinkingLevel") == "HIGH" or thinking.get("thinkingBudget", 0) >= 4096

    def schema(self, body, seen):
        config = camel(body)["generationConfig"]
        return config["responseMimeType"] == "application/json" and holds(config["responseJsonSchema"], SCHEMA)

    def cache_mark(self, body, seen):
        return camel(body).get("cachedContent") == "cachedContents/abc"

    def text_in_pieces(self, body, seen):
        return joined(body["contents"][1]["parts"]) == "hello"

    def thought_returned(self, body, seen):
        _, turn, answer = camel(body)["contents"]
        call, result = turn["parts"][-1], answer["parts"][-1]["functionResponse"]
        told = result["name"] == call["functionCall"]["name"] and result["response"] == {"output": RESULT}
        return told and plain(call["thoughtSignature"]) == PROOF


def plain(base64):
    return base64.replace("-", "+").replace("_", "/")
