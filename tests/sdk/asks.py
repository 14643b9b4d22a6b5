"""The same request for each feature, through each face's official Python SDK."""
import base64, struct, zlib

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from stand import KEY


def png():
    """A picture of one red pixel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


PNG = base64.b64encode(png()).decode()
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"], "additionalProperties": False}
TOOL = {"name": "get_weather", "description": "The weather in a city"}
CALLS = [("call_a", "Paris", "18 degrees"), ("call_b", "Rome", "24 degrees")]
QUESTION = "How is the weather in Paris and Rome?"
FEATURES = ["stream", "tools", "forced call", "parallel calls", "image", "reasoning", "schema", "cache mark"]


def arguments(city):
    return '{"city":"%s"}' % city


class Face:
    """A face of the gateway; `head` is that of its last answer."""

    head = {}

    def client(self):
        return httpx2.Client(event_hooks={"response": [self.hear]})

    def hear(self, response):
        self.head = response.headers

    def ask(self, model, feature):
        self.head = {}
        return getattr(self, feature.replace(" ", "_"))(model)


class Chat(Face):
    name = "Chat Completions"

    def __init__(self, url):
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0, http_client=self.client())

    def say(self, model, messages=None, **more):
        return self.sdk.chat.completions.create(model=model, messages=messages or [{"role": "user", "content": QUESTION}], **more)

    tool = {"type": "function", "function": dict(TOOL, parameters=PARAMETERS)}

    def stream(self, model):
        return "".join(c.choices[0].delta.content or "" for c in self.say(model, stream=True) if c.choices)

    def tools(self, model):
        self.say(model, tools=[self.tool])

    def forced_call(self, model):
        self.say(model, tools=[self.tool], tool_choice="required")

    def parallel_calls(self, model):
        calls = [{"id": id, "type": "function", "function": {"name": TOOL["name"], "arguments": arguments(city)}} for id, city, _ in CALLS]
        results = [{"role": "tool", "tool_call_id": id, "content": result} for id, _, result in CALLS]
        self.say(model, [{"role": "user", "content": QUESTION}, {"role": "assistant", "tool_calls": calls}, *results], tools=[self.tool])

    def image(self, model):
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}
        self.say(model, [{"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]}])

    def reasoning(self, model):
        self.say(model, reasoning_effort="high")

    def schema(self, model):
        self.say(model, response_format={"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}})

    def cache_mark(self, model):
        part = {"type": "text", "text": QUESTION, "prompt_cache_breakpoint": {"mode": "explicit"}}
        self.say(model, [{"role": "user", "content": [part]}])


class Responses(Face):
    name = "Responses"

    def __init__(self, url):
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0, http_client=self.client())

    def say(self, model, asked=QUESTION, **more):
        return self.sdk.responses.create(model=model, input=asked, **more)

    tool = dict(TOOL, type="function", parameters=PARAMETERS, strict=False)

    def stream(self, model):
        return "".join(e.delta for e in self.say(model, stream=True) if e.type == "response.output_text.delta")

    def tools(self, model):
        self.say(model, tools=[self.tool])

    def forced_call(self, model):
        self.say(model, tools=[self.tool], tool_choice="required")

    def parallel_calls(self, model):
        calls = [{"type": "function_call", "call_id": id, "name": TOOL["name"], "arguments": arguments(city)} for id, city, _ in CALLS]
        results = [{"type": "function_call_output", "call_id": id, "output": result} for id, _, result in CALLS]
        self.say(model, [{"role": "user", "content": QUESTION}, *calls, *results], tools=[self.tool])

    def image(self, model):
        picture = {"type": "input_image", "image_url": "data:image/png;base64," + PNG, "detail": "auto"}
        self.say(model, [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}, picture]}])

    def reasoning(self, model):
        self.say(model, reasoning={"effort": "high"})

    def schema(self, model):
        self.say(model, text={"format": {"type": "json_schema", "name": "reply", "schema": SCHEMA, "strict": True}})

    def cache_mark(self, model):
        part = {"type": "input_text", "text": QUESTION, "prompt_cache_breakpoint": {"mode": "explicit"}}
        self.say(model, [{"role": "user", "content": [part]}])


class Messages(Face):
    name = "Messages"

    def __init__(self, url):
        self.sdk = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, http_client=self.client())

    def say(self, model, messages=None, **more):
        asked = messages or [{"role": "user", "content": QUESTION}]
        return self.sdk.messages.create(model=model, max_tokens=8000, messages=asked, **more)

    tool = dict(TOOL, input_schema=PARAMETERS)

    def stream(self, model):
        events = self.say(model, stream=True)
        return "".join(e.delta.text for e in events if e.type == "content_block_delta" and e.delta.type == "text_delta")

    def tools(self, model):
        self.say(model, tools=[self.tool])

    def forced_call(self, model):
        self.say(model, tools=[self.tool], tool_choice={"type": "any"})

    def parallel_calls(self, model):
        calls = [{"type": "tool_use", "id": id, "name": TOOL["name"], "input": {"city": city}} for id, city, _ in CALLS]
        results = [{"type": "tool_result", "tool_use_id": id, "content": result} for id, _, result in CALLS]
        turns = [("user", QUESTION), ("assistant", calls), ("user", results)]
        self.say(model, [{"role": role, "content": content} for role, content in turns], tools=[self.tool])

    def image(self, model):
        picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
        self.say(model, [{"role": "user", "content": [{"type": "text", "text": QUESTION}, picture]}])

    def reasoning(self, model):
        self.say(model, thinking={"type": "enabled", "budget_tokens": 4096})

    def schema(self, model):
        self.say(model, output_config={"format": {"type": "json_schema", "schema": SCHEMA}})

    def cache_mark(self, model):
        part = {"type": "text", "text": QUESTION, "cache_control": {"type": "ephemeral"}}
        self.say(model, [{"role": "user", "content": [part]}])


class GenerateContent(Face):
    name = "generateContent"

    def __init__(self, url):
        options = types.HttpOptions(base_url=url, httpx_client=self.client())
        self.sdk = genai.Client(api_key=KEY, http_options=options)

    def say(self, model, contents=QUESTION, **more):
        return self.sdk.models.generate_content(model=model, contents=contents, config=types.GenerateContentConfig(**more))

    tool = types.Tool(function_declarations=[types.FunctionDeclaration(**TOOL, parameters_json_schema=PARAMETERS)])

    def stream(self, model):
        return "".join(chunk.text or "" for chunk in self.sdk.models.generate_content_stream(model=model, contents=QUESTION))

    def tools(self, model):
        self.say(model, tools=[self.tool])

    def forced_call(self, model):
        any_of_them = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY"))
        self.say(model, tools=[self.tool], tool_config=any_of_them)

    def parallel_calls(self, model):
        calls = [types.Part.from_function_call(name=TOOL["name"], args={"city": city}) for _, city, _ in CALLS]
        results = [types.Part.from_function_response(name=TOOL["name"], response={"output": result}) for _, _, result in CALLS]
        turns = [("user", [types.Part(text=QUESTION)]), ("model", calls), ("user", results)]
        self.say(model, [types.Content(role=role, parts=parts) for role, parts in turns], tools=[self.tool])

    def image(self, model):
        self.say(model, [QUESTION, types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")])

    def reasoning(self, model):
        self.say(model, thinking_config=types.ThinkingConfig(thinking_level="HIGH", include_thoughts=True))

    def schema(self, model):
        self.say(model, response_mime_type="application/json", response_json_schema=SCHEMA)

    def cache_mark(self, model):
        self.say(model, cached_content="cachedContents/abc")


FACES = [Chat, Responses, Messages, GenerateContent]
