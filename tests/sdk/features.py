"""Each feature of a request, asked for through each face, has to reach each vendor in the vendor's own words, or be named
in x-magic-warning, or be refused with a 400 that names it. Text that the caller left at a vendor (cachedContent) must not
be lost with a warning only.

Usage: features.py PATH-TO-MAGIC [--write]
--write puts the table of features in the README; without it, a README that says something else is a failure.
"""
import dataclasses, json, sys, typing, warnings

import anthropic, openai
from google.genai import errors

import said, scripted, thinking
from asks import FACES, FEATURES
from known import FAULTS
from readme import settle
from stand import Checks, Vendor, gateway

warnings.simplefilter("ignore")
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"
REFUSALS = (openai.BadRequestError, anthropic.BadRequestError, errors.ClientError)
# What a refusal must name, and a warning: any of these.
NAMES = {
    "stream": ["stream"],
    "system": ["system", "instructions"],
    "limits": ["max_tokens", "maxOutputTokens", "stop", "max_output_tokens"],
    "document": ["file", "document", "content["],
    "tools": ["tool"],
    "forced call": ["tool"],
    "parallel calls": ["tool", "function"],
    "image": ["image", "content["],
    "reasoning": ["reasoning", "thinking"],
    "schema": ["response_format", "schema", "format"],
    "cache mark": ["cache", "cached"],
    "text in pieces": ["content"],
    "thought returned": ["thinking", "thought", "reasoning", "signature", "encrypted"],
}
NAMES["thought streamed"] = NAMES["thought returned"]
LOOPS = ("thought returned", "thought streamed")
check = Checks()


@dataclasses.dataclass
class Spoken:
    name: str
    kind: int
    said: typing.Any
    answer: typing.Callable
    model: str = "m"
    key: str = "sk-vendor"
    below: str = ""
    thinks: typing.Callable = None  # an answer that has thought, if that has to come back
    relays: bool = False  # a face's own words, where the vendor has that face too

    def spoken_to(self, face):
        if self.relays and face.name == "Responses":
            return said.openai.Responses(), scripted.responses, thinking.responses_call
        return self.said, self.answer, self.thinks

    def channel(self, vendor, name):
        return (
            f'[[channels]]\nname = "{self.name}"\ntype = {self.kind}\nbase_url = "{vendor.url}{self.below}"\n'
            f'key = "{self.key}"\n[channels.model_mapping]\n"{name}" = "{self.model}"\n'
        )


VENDORS = [
    Spoken("OpenAI chat", 19, said.openai.Chat(), scripted.chat, "gpt-5"),
    Spoken("OpenAI Responses", 55, said.openai.Responses(), scripted.responses, "gpt-5", thinks=thinking.responses_call),
    Spoken("Azure", 3, said.openai.Chat(), scripted.chat, "gpt-5", relays=True),
    Spoken("Groq", 29, said.openai.Chat(), scripted.chat, "openai/gpt-oss-120b", relays=True),
    Spoken("xAI", 45, said.openai.Chat(), scripted.chat, "grok-4", relays=True),
    Spoken("Mistral", 28, said.openai.Mistral(), scripted.chat, "magistral-medium-latest"),
    Spoken("DeepSeek", 36, said.openai.DeepSeek(), scripted.chat, "deepseek-v4-pro", thinks=thinking.reasoned_call, relays=True),
    Spoken("OpenRouter", 20, said.openai.OpenRouter(), scripted.chat, "anthropic/claude-sonnet-4.5", thinks=thinking.detailed_call, relays=True),
    Spoken("Zhipu", 16, said.openai.Chat(), scripted.chat, "glm-5.3", "id1.secret1"),
    Spoken("Anthropic", 14, said.messages.Messages(), scripted.messages, "claude-sonnet-4-5", thinks=thinking.claude_call),
    Spoken("Bedrock, Claude by InvokeModel", 33, said.messages.Invoked(), scripted.invoked, CLAUDE, "AKIA1|secret1|us-east-1", thinks=thinking.invoked_call),
    Spoken("Bedrock Converse", 56, said.bedrock.Converse(), scripted.converse, CLAUDE, "bedrock-api-key", thinks=thinking.converse_call),
    Spoken("Gemini", 24, said.gemini.Gemini(), scripted.gemini, "gemini-2.5-flash", thinks=thinking.gemini_call),
    Spoken("Vertex AI", 42, said.gemini.Gemini(), scripted.gemini, "gemini-2.5-flash", "europe-west1|p1|ya29.token", thinks=thinking.gemini_call),
    Spoken("Cohere", 35, said.others.Cohere(), scripted.cohere, "command-a-reasoning-08-2025"),
    Spoken("Ali DashScope", 17, said.others.DashScope(), scripted.dashscope, "qwen3-max"),
    Spoken("Ollama", 30, said.others.Ollama(), scripted.ollama, "qwen3"),
    Spoken("Replicate", 46, said.others.Replicate(), scripted.replicate, "meta/llama", below="/v1/models/"),
    Spoken("HuggingFace TGI", 52, said.others.Tgi(), scripted.tgi),
]


def mark(face, vendor, spoken, model, feature):
    """The cell's mark and, where it is none, what happened."""
    words, answer, thinks = spoken.spoken_to(face)
    if feature in LOOPS and not thinks:
        return "–", ""
    whole, stream_type, stream = answer()
    asked_stream = feature == "stream"
    vendor.seen = None
    vendor.answer = (200, stream_type, stream) if asked_stream else (200, "application/json", json.dumps(whole).encode())
    vendor.first = vendor.prediction() if answer is scripted.replicate and asked_stream else None
    vendor.queue = []
    if feature in LOOPS:
        whole, stream = thinks()
        streamed = feature == "thought streamed"
        vendor.queue = [(200, stream_type, stream) if streamed else (200, "application/json", json.dumps(whole).encode())]
    try:
        text = face.ask(model, feature)
    except REFUSALS as error:
        said_what = error.param or "" if isinstance(error, openai.APIError) else str(error)
        if vendor.seen is None and getattr(error, "status_code", getattr(error, "code", None)) == 400 and named(said_what, feature):
            return "✗", str(error)
        return None, f"{error}, the vendor saw {vendor.seen}"
    except Exception as error:  # whatever an SDK makes of it
        return None, f"{type(error).__name__}: {error}"
    if asked_stream and text != "hello":
        return None, f"the stream says {text!r}"
    body = json.loads(vendor.seen.body)
    try:
        judge = "thought returned" if feature in LOOPS else feature
        told = getattr(words, judge.replace(" ", "_"))(body, vendor.seen._replace(face=face.name))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):
        told = False
    warning = face.head.get("x-magic-warning", "")
    detail = f"{warning!r} {vendor.seen.path} {json.dumps(body)[:1500]}"
    if named(warning, feature):
        return (None if feature == "cache mark" and face.name == "generateContent" else "~"), detail
    if told:
        return "✓", detail
    return ("·" if feature == "cache mark" else None), detail


def named(text, feature):
    return any(name.lower() in text.lower() for name in NAMES[feature])


def main():
    vendor = Vendor.start()
    models = {spoken.name: f"feature-{number}" for number, spoken in enumerate(VENDORS)}
    channels = "".join(spoken.channel(vendor, models[spoken.name]) for spoken in VENDORS)
    lines = ["| vendor speaks | " + " | ".join(FEATURES) + " |", "|" + "---|" * (1 + len(FEATURES))]
    with gateway(sys.argv[1], "[options]\nRetryTimes = 0\n" + channels) as url:
        faces = [face(url) for face in FACES]
        for spoken in VENDORS:
            cells = []
            for feature in FEATURES:
                marks = []
                for face in faces:
                    got, detail = mark(face, vendor, spoken, models[spoken.name], feature)
                    known = any(who in (None, face.name) and what == feature and sign in detail for who, what, sign, _ in FAULTS)
                    got = got or ("!" if known else None)
                    if got != "–":
                        check(f"{feature} from {face.name} to {spoken.name}", got, "\n  " + detail)
                    marks.append(got or "?")
                cells.append(" ".join(marks))
            lines.append(f"| {spoken.name} | " + " | ".join(cells) + " |")
    print("\n".join(lines))
    check("the README's table of features (features.py --write writes it)", settle("features", lines))
    return check.end()


sys.exit(main())
