"""OpenAI's chat completions, their dialects, and Responses."""
import json

from asks import CALLS, LIMIT, PARAMETERS, PDF, PNG, PROOF, QUESTION, RESULT, SCHEMA, STOP, SYSTEM, THOUGHT, TOOL

PICTURE = "data:image/png;base64," + PNG


def holds(whole, part):
    """Whether all of a JSON value is in another, which may have more members."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(holds(whole.get(name), value) for name, value in part.items())
    return whole == part


def parts(message):
    content = message.get("content")
    return content if isinstance(content, list) else []


def joined(content):
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def stops(words, seen):
    """Whether these are the words asked for; Responses has none."""
    asked = None if seen.face == "Responses" else [STOP]
    return ([words] if isinstance(words, str) else words or None) == asked


class Chat:
    efforts = [{"reasoning_effort": "high"}]
    required = ["required"]
    mark = ["prompt_cache_breakpoint"]

    def stream(self, body, seen):
        return body.get("stream") is True

    def system(self, body, seen):
        first, second = body["messages"]
        roles = first["role"] in ("system", "developer") and second["role"] == "user"
        return roles and joined(first["content"]) == SYSTEM and joined(second["content"]) == QUESTION

    def limits(self, body, seen):
        most = body.get("max_completion_tokens", body.get("max_tokens"))
        return most == LIMIT and stops(body.get("stop"), seen)

    def document(self, body, seen):
        files = [part["file"]["file_data"] for part in parts(body["messages"][-1]) if part["type"] == "file"]
        return files == ["data:application/pdf;base64," + PDF]

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

    def text_in_pieces(self, body, seen):
        return joined(body["messages"][1]["content"]) == "hello"

    def thought_returned(self, body, seen):
        _, turn, result = body["messages"]
        return result["tool_call_id"] == turn["tool_calls"][0]["id"] and result["content"] == RESULT and self.thought(turn)

    def thought(self, turn):
        return turn["reasoning_content"] == THOUGHT


class Mistral(Chat):
    required = ["any", "required"]


class DeepSeek(Chat):
    efforts = [{"reasoning_effort": "high", "thinking": {"type": "enabled"}}, {"reasoning_effort": "high"}]


class OpenRouter(Chat):
    efforts = [{"reasoning": {"effort": "high"}}, {"reasoning_effort": "high"}]
    mark = ["cache_control"]

    def thought(self, turn):
        (detail,) = turn["reasoning_details"]
        return detail["text"] == THOUGHT and detail["signature"] == PROOF


class Responses:
    def stream(self, body, seen):
        return body.get("stream") is True

    def system(self, body, seen):
        said = body.get("instructions") or joined(body["input"][0]["content"])
        return said == SYSTEM

    def limits(self, body, seen):
        return body["max_output_tokens"] == LIMIT and stops(None, seen)

    def document(self, body, seen):
        files = [part["file_data"] for part in parts(body["input"][-1]) if part["type"] == "input_file"]
        return files == ["data:application/pdf;base64," + PDF]

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

    def text_in_pieces(self, body, seen):
        return joined(body["input"][1]["content"]) == "hello"

    def thought_returned(self, body, seen):
        _, thought, call, result = body["input"]
        told = result["call_id"] == call["call_id"] and result["output"] == RESULT
        return told and thought["type"] == "reasoning" and thought["encrypted_content"] == PROOF and call["type"] == "function_call"
