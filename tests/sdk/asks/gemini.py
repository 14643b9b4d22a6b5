"""generateContent, by the `google-genai` SDK."""
import base64

from google import genai
from google.genai import types

from stand import KEY
from .common import CALLS, LIMIT, PARAMETERS, PDF, PIECES, PNG, QUESTION, RESULT, SCHEMA, STOP, SYSTEM, TOOL, Face


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

    def system(self, model):
        self.say(model, system_instruction=SYSTEM)

    def limits(self, model):
        self.say(model, max_output_tokens=LIMIT, stop_sequences=[STOP])

    def document(self, model):
        self.say(model, [QUESTION, types.Part.from_bytes(data=base64.b64decode(PDF), mime_type="application/pdf")])

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

    def text_in_pieces(self, model):
        turns = [("user", [QUESTION]), ("model", PIECES), ("user", ["Go on."])]
        self.say(model, [types.Content(role=role, parts=[types.Part(text=text) for text in texts]) for role, texts in turns])

    def thought_returned(self, model, stream=False):
        more = {"tools": [self.tool], "thinking_config": types.ThinkingConfig(thinking_level="HIGH", include_thoughts=True)}
        asked = types.Content(role="user", parts=[types.Part(text=QUESTION)])
        if stream:
            config = types.GenerateContentConfig(**more)
            chunks = list(self.sdk.models.generate_content_stream(model=model, contents=[asked], config=config))
            parts = [part for chunk in chunks for part in chunk.candidates[0].content and chunk.candidates[0].content.parts or []]
            turn = types.Content(role="model", parts=parts)
        else:
            turn = self.say(model, [asked], **more).candidates[0].content
        result = types.Part.from_function_response(name=TOOL["name"], response={"output": RESULT})
        result.function_response.id = next(part.function_call.id for part in turn.parts if part.function_call)
        self.say(model, [asked, turn, types.Content(role="user", parts=[result])], **more)
