"""OpenAI's chat completions, their dialects, and Responses."""
import json

from asks import CALLS, PARAMETERS, PNG, SCHEMA, TOOL

PICTURE = "data:image/png;base64," + PNG


def holds(whole, part):
    """Whether all of a JSON value is in another, which may have more members."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(holds(whole.get(name), value) for name, value in part.items())
    return whole == part


def parts(message):
    content = message.get("content")
    return content if isinstance(content, list) else []


class Chat:
    efforts = [{"reasoning_effort": "high"}]
    required = ["required"]
    mark = ["prompt_cache_breakpoint"]

    def stream(self, body, seen):
        return body.get("stream") is True

    def tools(self, body, seen):
        return len(body["tools"]) == 1 and holds(body["tools"][0], {"type": "function", "function": dict(TOOL, parameters=PARAMETERS)})

    def forced_call(self, body, seen):
        return self.tools(body, seen) and body.get("tool_choice") in self.required

    def parallel_calls(self, body, seen):
        _, turn, *results = body["messages"]
        made = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in turn["tool_calls"]]
        answered = [(one["role"], one["tool_call_id"], one["content"]) for one in results]
        wanted = [("tool", call["id"], result) for call, (_, _, result) in zip(turn["tool_calls"], CALLS)]
        return self.tools(body, seen) and made == [(TOOL["name"], {"city": city}) for _, city, _ in CALLS] and answered == wanted

    def image(self, body, seen):
        urls = [part["image_url"] for part in parts(body["messages"][-1]) if part["type"] == "image_url"]
        return [url if isinstance(url, str) else url["url"] for url in urls] == [PICTURE]

    def reasoning(self, body, seen):
        return any(holds(body, effort) for effort in self.efforts)

    def schema(self, body, seen):
        form = body["response_format"]
        return form["type"] == "json_schema" and holds(form["json_schema"]["schema"], SCHEMA) and bool(form["json_schema"]["name"])

    def cache_mark(self, body, seen):
        return any(mark in part for mark in self.mark for part in parts(body["messages"][-1]))


class Mistral(Chat):
    required = ["any", "required"]


class DeepSeek(Chat):
    efforts = [{"reasoning_effort": "high", "thinking": {"type": "enabled"}}, {"reasoning_effort": "high"}]


class OpenRouter(Chat):
    efforts = [{"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}]
    mark = ["cache_control"]


class Responses:
    def stream(self, body, seen):
        return body.get("stream") is True

    def tools(self, body, seen):
        return len(body["tools"]) == 1 and holds(body["tools"][0], dict(TOOL, type="function", parameters=PARAMETERS))

    def forced_call(self, body, seen):
        return self.tools(body, seen) and body.get("tool_choice") == "required"

    def parallel_calls(self, body, seen):
        calls = [item for item in body["input"] if item.get("type") == "function_call"]
        results = [(item["call_id"], item["output"]) for item in body["input"] if item.get("type") == "function_call_output"]
        made = [(call["name"], json.loads(call["arguments"])) for call in calls]
        wanted = [(call["call_id"], result) for call, (_, _, result) in zip(calls, CALLS)]
        return self.tools(body, seen) and made == [(TOOL["name"], {"city": city}) for _, city, _ in CALLS] and results == wanted

    def image(self, body, seen):
        return [part["image_url"] for part in parts(body["input"][-1]) if part["type"] == "input_image"] == [PICTURE]

    def reasoning(self, body, seen):
        return body["reasoning"]["effort"] == "high"

    def schema(self, body, seen):
        form = body["text"]["format"]
        return form["type"] == "json_schema" and holds(form["schema"], SCHEMA) and bool(form["name"])

    def cache_mark(self, body, seen):
        return any("prompt_cache_breakpoint" in part for part in parts(body["input"][-1]))
