"""The dialects that vendors speak: the channel that is theirs, their recordings, and how these are read."""
import dataclasses, json, typing

import recorded


def sse(body):
    text = body.decode()
    if not text.lstrip().startswith(("data:", "event:", ":", "id:")):
        raise ValueError("no stream")
    return list(recorded.events(text))


@dataclasses.dataclass
class Dialect:
    name: str
    kind: int  # the channel's type
    patterns: list
    read: typing.Callable
    events: typing.Callable = sse  # a stream's bytes as the values that `read` takes
    stream_type: str = "text/event-stream"
    key: str = "sk-vendor"
    model: str = "m"
    below: str = ""  # what of the base URL stands below the vendor's address
    polled: bool = False  # posts are told where the answer is
    headers: typing.Callable = lambda body: {}  # an answer's, made of its body
    faces: set = frozenset()  # asked for by these only; by all, if empty

    def channel(self, vendor, name):
        """The channel's configuration, for the model `name`."""
        return (
            f'[[channels]]\nname = "{self.name}"\ntype = {self.kind}\nbase_url = "{vendor.url}{self.below}"\n'
            f'key = "{self.key}"\n[channels.model_mapping]\n"{name}" = "{self.model}"\n'
        )

    def sent(self, exchange, body):
        """A recorded body as this vendor would send it to the gateway, which asks Gemini for events: without `alt=sse`, its
        streams are lists.
        """
        if self.read is not recorded.gemini or not exchange["stream"] or not body.startswith(b"["):
            return body
        return "".join(f"data: {json.dumps(value)}\r\n\r\n" for value in json.loads(body)).encode()

    def facts(self, exchange, body):
        """The facts of a recording; `None` where its bytes are no whole answer."""
        if exchange["response"].get("status") != 200:
            return None
        if exchange["vendor"] == "snowflake" and not exchange["stream"]:
            return None  # its whole answers are chunks in OpenAI's clothes
        try:
            return self.read(list(self.events(body)), True) if exchange["stream"] else self.read(json.loads(body), False)
        except (KeyError, TypeError, ValueError):
            return None


def chat(name, kind, *vendors, **more):
    return Dialect(name, kind, [f"{vendor}-chat-completions-*" for vendor in vendors], recorded.chat, **more)


BINARY = "application/vnd.amazon.eventstream"
CLAUDE = "anthropic.claude-3-5-haiku-20241022-v1:0"
CONVERSE = dict(patterns=["bedrock-converse-*"], read=recorded.converse, events=recorded.converse_events, stream_type=BINARY)
WITH_RESPONSES = {"Chat Completions", "Messages", "generateContent"}  # Responses are relayed as they are: another row
OTHERS = "bedrock-mantle crusoe doubleword github_copilot gpustack heroku mistralrs ollama openai snowflake tgi venice".split()

DIALECTS = [
    chat("OpenAI chat", 1, *OTHERS, faces=WITH_RESPONSES),
    chat("Azure", 3, "azure", faces=WITH_RESPONSES),
    chat("Zhipu", 16, "zhipu", key="id1.secret1"),
    chat("OpenRouter", 20, "openrouter", faces=WITH_RESPONSES),
    chat("Mistral", 28, "mistral"),
    chat("Groq", 29, "groq", faces=WITH_RESPONSES),
    chat("DeepSeek", 36, "deepseek", faces=WITH_RESPONSES),
    chat("together.ai", 39, "together"),
    chat("xAI", 45, "xai", faces=WITH_RESPONSES),
    chat("Ali Bailian", 49, "ali"),
    chat("Gemini (OpenAI protocol)", 51, "gemini"),
    chat("HuggingFace router", 57, "huggingface", faces=WITH_RESPONSES),
    chat("Perplexity", 58, "perplexity"),
    chat("Cerebras", 59, "cerebras"),
    chat("vLLM", 60, "vllm_local", faces=WITH_RESPONSES),
    chat("llama.cpp", 62, "llamacpp", faces=WITH_RESPONSES),
    chat("the same, without Responses", 19, *OTHERS, "azure", "openrouter", "groq", "deepseek", "xai", "huggingface", "vllm_local",
         "llamacpp", faces={"Responses"}),
    Dialect("OpenAI Responses", 55, ["*-responses-*"], recorded.responses),
    Dialect("Anthropic", 14, ["anthropic-messages-*"], recorded.anthropic),
    Dialect("Bedrock, Claude by InvokeModel", 33, ["bedrock-invoke-*anthro*"], recorded.anthropic,
            recorded.invoked_events, BINARY, key="AKIA1|secret1|us-east-1", model=CLAUDE),
    Dialect("Bedrock, other models", 33, key="AKIA1|secret1|us-east-1", model="amazon.nova-lite-v1:0", **CONVERSE),
    Dialect("Bedrock Converse", 56, key="bedrock-api-key", model="amazon.nova-lite-v1:0", **CONVERSE),
    Dialect("Gemini", 24, ["gemini-generatecontent-*", "gemini-streamgeneratecontent-*"], recorded.gemini),
    Dialect("Vertex AI", 42, ["vertex-*generatecontent-*"], recorded.gemini,
            key="europe-west1|p1|ya29.token", model="gemini-2.5-flash"),
    Dialect("Ali DashScope", 17, ["ali-dashscope-text-generation-*", "ali-dashscope-multimodal-generation-*"], recorded.dashscope),
    Dialect("Ollama", 30, ["ollama-api-chat-*"], recorded.ollama, recorded.lines, "application/x-ndjson"),
    Dialect("Cohere", 35, ["cohere-v2-chat-*"], recorded.cohere),
    Dialect("Replicate", 46, ["replicate-predictions-s-*"], recorded.replicate, recorded.prediction_events,
            model="meta/llama", below="/v1/models/", polled=True),
    Dialect("HuggingFace TGI", 52, ["tgi-generate-*"], recorded.tgi, headers=recorded.tgi_headers),
]
