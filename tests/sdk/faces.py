"""What an official SDK reads from the gateway, for each of the four faces."""
import anthropic
import openai
from google import genai
from google.genai import types

import recorded
from stand import KEY


class Chat:
    name = "Chat Completions"

    def __init__(self, url):
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)

    def ask(self, model, stream):
        more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        got = self.sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}], **more)
        return recorded.chat([event.model_dump() for event in got] if stream else got.model_dump(), stream)


class Responses:
    name = "Responses"

    def __init__(self, url):
        self.sdk = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)

    def ask(self, model, stream):
        got = self.sdk.responses.create(model=model, input="hi", stream=stream)
        if not stream:
            return recorded.responses(got.model_dump(), False)
        events = [event.model_dump() for event in got]
        found = recorded.responses(events, True)
        deltas = "".join(e["delta"] for e in events if e["type"] in ("response.output_text.delta", "response.refusal.delta"))
        assert found is None or deltas == found["text"], "the deltas are not the text at the end"
        return found


class Messages:
    name = "Messages"

    def __init__(self, url):
        self.sdk = anthropic.Anthropic(base_url=url, api_key=KEY, max_retries=0)

    def ask(self, model, stream):
        asked = dict(model=model, max_tokens=1000, messages=[{"role": "user", "content": "hi"}])
        if not stream:
            return recorded.anthropic(self.sdk.messages.create(**asked).model_dump(), False)
        with self.sdk.messages.stream(**asked) as got:
            for _ in got:
                pass
            return recorded.anthropic(got.get_final_message().model_dump(), False)


class GenerateContent:
    name = "generateContent"

    def __init__(self, url):
        self.sdk = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=url))

    def ask(self, model, stream):
        if not stream:
            return recorded.gemini(plain(self.sdk.models.generate_content(model=model, contents="hi", config=THOUGHTS)), False)
        got = self.sdk.models.generate_content_stream(model=model, contents="hi", config=THOUGHTS)
        return recorded.gemini([plain(chunk) for chunk in got], True)


THOUGHTS = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))


def plain(answer):
    value = answer.model_dump(mode="json", by_alias=True, exclude_none=True)
    value.pop("sdkHttpResponse", None)
    return value


FACES = [Chat, Responses, Messages, GenerateContent]
