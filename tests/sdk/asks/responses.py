"""Responses, by the `openai` SDK."""
import openai

from stand import KEY
from .common import CALLS, LIMIT, PARAMETERS, PDF, PIECES, PNG, QUESTION, RESULT, SCHEMA, SYSTEM, TOOL, Face, arguments


class Responses(Face):
    name = "Responses"

    def __init__(self, url):
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0, http_client=self.client())

    def say(self, model, asked=QUESTION, **more):
        return self.sdk.responses.create(model=model, input=asked, **more)

    tool = dict(TOOL, type="function", parameters=PARAMETERS, strict=False)

    def stream(self, model):
        return "".join(e.delta for e in self.say(model, stream=True) if e.type == "response.output_text.delta")

    def system(self, model):
        self.say(model, instructions=SYSTEM)

    def limits(self, model):
        self.say(model, max_output_tokens=LIMIT)  # it has no stop words

    def document(self, model):
        file = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64," + PDF}
        self.say(model, [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}, file]}])

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

    def text_in_pieces(self, model):
        parts = [{"type": "output_text", "text": piece, "annotations": []} for piece in PIECES]
        turns = [("user", QUESTION), ("assistant", parts), ("user", "Go on.")]
        self.say(model, [{"type": "message", "role": role, "content": content} for role, content in turns])

    def thought_returned(self, model, stream=False):
        asked, more = {"role": "user", "content": QUESTION}, {"include": ["reasoning.encrypted_content"], "store": False}
        got = self.say(model, [asked], tools=[self.tool], stream=stream, **more)
        output = (list(got)[-1].response if stream else got).output
        result = {"type": "function_call_output", "call_id": output[-1].call_id, "output": RESULT}
        self.say(model, [asked, *[item.model_dump(exclude_none=True) for item in output], result], tools=[self.tool], **more)
