"""Cohere, Ollama, DashScope, and the vendors of bare text."""
import json

from asks import CALLS, LIMIT, PNG, QUESTION, SCHEMA, STOP, SYSTEM, TOOL
from .openai import Chat, holds, parts, stops


class Cohere(Chat):
    required = ["REQUIRED"]

    def limits(self, body, seen):
        return body["max_tokens"] == LIMIT and stops(body.get("stop_sequences"), seen)

    def document(self, body, seen):
        return False  # takes text only

    def parallel_calls(self, body, seen):
        for message in body["messages"]:
            if message["role"] == "tool" and not isinstance(message["content"], str):
                message["content"] = "".join(part.get("text") or document(part) for part in message["content"])
        return super().parallel_calls(body, seen)

    def reasoning(self, body, seen):
        return body["thinking"]["type"] == "enabled"

    def schema(self, body, seen):
        form = body["response_format"]
        return form["type"] == "json_object" and holds(form["json_schema"], SCHEMA)

    def cache_mark(self, body, seen):
        return False


def document(part):
    data = part["document"]["data"]
    return data if isinstance(data, str) else "".join(str(value) for value in data.values())


class Ollama(Chat):
    def limits(self, body, seen):
        return body["options"]["num_predict"] == LIMIT and stops(body["options"].get("stop"), seen)

    def document(self, body, seen):
        return False  # takes pictures only

    def forced_call(self, body, seen):
        return False  # has no word for it

    def parallel_calls(self, body, seen):
        _, turn, *results = body["messages"]
        made = [(call["function"]["name"], call["function"]["arguments"]) for call in turn["tool_calls"]]
        told = [(one["role"], one["tool_name"], one["content"]) for one in results]
        return (
            self.tools(body, seen)
            and made == [(TOOL["name"], {"city": city}) for _, city, _ in CALLS]
            and told == [("tool", TOOL["name"], result) for _, _, result in CALLS]
        )

    def image(self, body, seen):
        return body["messages"][-1]["images"] == [PNG]

    def reasoning(self, body, seen):
        return body["think"] in ("high", True)

    def schema(self, body, seen):
        return holds(body["format"], SCHEMA)

    def cache_mark(self, body, seen):
        return False


class DashScope(Chat):
    def system(self, body, seen):
        return super().system(body["input"], seen)

    def limits(self, body, seen):
        return super().limits(body["parameters"], seen)

    def document(self, body, seen):
        return False  # takes pictures, sounds and films

    def stream(self, body, seen):
        return seen.headers.get("x-dashscope-sse") == "enable" and body["parameters"]["incremental_output"] is True

    def tools(self, body, seen):
        return super().tools(body["parameters"], seen)

    def forced_call(self, body, seen):
        named = {"type": "function", "function": {"name": TOOL["name"]}}
        return self.tools(body, seen) and body["parameters"]["tool_choice"] == named  # there is no word for any of them

    def parallel_calls(self, body, seen):
        return super().parallel_calls({**body["input"], "parameters": body["parameters"]}, seen)

    def image(self, body, seen):
        pictures = [part["image"] for part in parts(body["input"]["messages"][-1]) if "image" in part]
        return "/multimodal-generation/" in seen.path and pictures == ["data:image/png;base64," + PNG]

    def reasoning(self, body, seen):
        return body["parameters"]["enable_thinking"] is True

    def schema(self, body, seen):
        return super().schema(body["parameters"], seen)

    def text_in_pieces(self, body, seen):
        return super().text_in_pieces(body["input"], seen)

    def cache_mark(self, body, seen):
        return any("cache_control" in part for part in parts(body["input"]["messages"][-1]))


class Prompt:
    """Takes bare text: what is said must be in it."""

    def system(self, body, seen):
        return SYSTEM in self.prompt(body)

    def tools(self, body, seen):
        return False

    document = forced_call = parallel_calls = reasoning = schema = cache_mark = tools

    def text_in_pieces(self, body, seen):
        return "hello" in self.prompt(body)


class Tgi(Prompt):
    def limits(self, body, seen):
        wanted = seen.face == "Responses" or STOP in body["parameters"]["stop"]
        return body["parameters"]["max_new_tokens"] == LIMIT and wanted

    def prompt(self, body):
        return body["inputs"]

    def stream(self, body, seen):
        return seen.path == "/generate_stream" and QUESTION in self.prompt(body)

    def image(self, body, seen):
        return f"![](data:image/png;base64,{PNG})" in self.prompt(body)

    def schema(self, body, seen):
        grammar = body["parameters"]["grammar"]
        return grammar["type"] in ("json", "json_schema") and holds(grammar["value"], SCHEMA)


class Replicate(Prompt):
    def system(self, body, seen):
        return body["input"].get("system_prompt") == SYSTEM or super().system(body, seen)

    def limits(self, body, seen):
        most = body["input"].get("max_tokens", body["input"].get("max_new_tokens"))
        return most == LIMIT and stops(body["input"].get("stop_sequences"), seen)

    def prompt(self, body):
        return body["input"]["prompt"]

    def stream(self, body, seen):
        return body["stream"] is True and QUESTION in self.prompt(body)

    def image(self, body, seen):
        return any("data:image/png;base64," + PNG in json.dumps(value) for value in body["input"].values())
