"""Chat Completions, by the `openai` SDK."""
import openai

from stand import KEY
from .common import CALLS, LIMIT, PARAMETERS, PDF, PIECES, PNG, QUESTION, RESULT, SCHEMA, STOP, SYSTEM, TOOL, Face, arguments


def joined(chunks):
    """The message that a stream of chunks tells, with what the SDK has no types for."""
    turn = {"role": "assistant", "content": ""}
    for chunk in chunks:
        for choice in chunk.model_dump(exclude_none=True)["choices"]:
            join(turn, {name: value for name, value in choice["delta"].items() if name != "role"})
    return {name: value for name, value in turn.items() if value != ""}


def join(whole, piece):
    """Text grows, lists are joined by index, the rest is taken over."""
    for name, value in piece.items():
        if isinstance(value, list):
            for one in value:
                into = next((had for had in whole.setdefault(name, []) if had["index"] == one["index"]), None)
                whole[name].append(dict(one)) if into is None else join(into, one)
        elif isinstance(value, dict):
            join(whole.setdefault(name, {}), value)
        elif isinstance(value, str) and name not in ("id", "type", "name", "format"):
            whole[name] = whole.get(name, "") + value
        else:
            whole[name] = value


class Chat(Face):
    name = "Chat Completions"

    def __init__(self, url):
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0, http_client=self.client())

    def say(self, model, messages=None, **more):
        return self.sdk.chat.completions.create(model=model, messages=messages or [{"role": "user", "content": QUESTION}], **more)

    tool = {"type": "function", "function": dict(TOOL, parameters=PARAMETERS)}

    def stream(self, model):
        return "".join(c.choices[0].delta.content or "" for c in self.say(model, stream=True) if c.choices)

    def system(self, model):
        self.say(model, [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}])

    def limits(self, model):
        self.say(model, max_completion_tokens=LIMIT, stop=STOP)

    def document(self, model):
        file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64," + PDF}}
        self.say(model, [{"role": "user", "content": [{"type": "text", "text": QUESTION}, file]}])

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

    def text_in_pieces(self, model):
        parts = [{"type": "text", "text": piece} for piece in PIECES]
        turns = [("user", QUESTION), ("assistant", parts), ("user", "Go on.")]
        self.say(model, [{"role": role, "content": content} for role, content in turns])

    def thought_returned(self, model, stream=False):
        """A loop: what the model thought before it called comes back with the call's result."""
        asked = {"role": "user", "content": QUESTION}
        got = self.say(model, [asked], tools=[self.tool], stream=stream)
        turn = joined(got) if stream else got.choices[0].message.model_dump(exclude_none=True)
        result = {"role": "tool", "tool_call_id": turn["tool_calls"][0]["id"], "content": RESULT}
        self.say(model, [asked, turn, result], tools=[self.tool])
