"""Messages, by the `anthropic` SDK."""
import anthropic

from stand import KEY
from .common import CALLS, LIMIT, PARAMETERS, PDF, PIECES, PNG, QUESTION, RESULT, SCHEMA, STOP, SYSTEM, TOOL, Face


class Messages(Face):
    name = "Messages"

    def __init__(self, url):
        self.sdk = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0, http_client=self.client())

    def say(self, model, messages=None, max_tokens=8000, **more):
        asked = messages or [{"role": "user", "content": QUESTION}]
        return self.sdk.messages.create(model=model, max_tokens=max_tokens, messages=asked, **more)

    tool = dict(TOOL, input_schema=PARAMETERS)

    def stream(self, model):
        events = self.say(model, stream=True)
        return "".join(e.delta.text for e in events if e.type == "content_block_delta" and e.delta.type == "text_delta")

    def system(self, model):
        self.say(model, system=SYSTEM)

    def limits(self, model):
        self.say(model, max_tokens=LIMIT, stop_sequences=[STOP])

    def document(self, model):
        file = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}
        self.say(model, [{"role": "user", "content": [{"type": "text", "text": QUESTION}, file]}])

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

    def text_in_pieces(self, model):
        parts = [{"type": "text", "text": piece} for piece in PIECES]
        turns = [("user", QUESTION), ("assistant", parts), ("user", "Go on.")]
        self.say(model, [{"role": role, "content": content} for role, content in turns])

    def thought_returned(self, model, stream=False):
        more = {"tools": [self.tool], "thinking": {"type": "enabled", "budget_tokens": 4096}}
        asked = {"role": "user", "content": QUESTION}
        if stream:
            with self.sdk.messages.stream(model=model, max_tokens=8000, messages=[asked], **more) as events:
                content = events.get_final_message().content
        else:
            content = self.say(model, [asked], **more).content
        result = {"type": "tool_result", "tool_use_id": content[-1].id, "content": RESULT}
        self.say(model, [asked, {"role": "assistant", "content": content}, {"role": "user", "content": [result]}], **more)
