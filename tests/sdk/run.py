"""The official OpenAI SDK through the gateway, against recorded vendor answers.

Every recorded exchange is asked for twice with the same SDK call: straight at a vendor that answers as recorded,
and through the gateway in front of that vendor. What the SDK reads must be the same.

Usage: run.py PATH-TO-MAGIC        (recordings: MAGIC_CORPUS, default ../shared/corpus)
"""
import inspect, json, sys, warnings

import openai

from stand import KEY, Checks, Vendor, answer_of, exchanges, gateway, no_corpus

warnings.simplefilter("ignore")  # recorded answers of other vendors are not all what the SDK's types say

check = Checks()


def call(function, body):
    """Calls an SDK function; the result, or the class and status of its error."""
    known = set(inspect.signature(function).parameters)
    arguments = {k: v for k, v in body.items() if k in known}
    extra = {k: v for k, v in body.items() if k not in known}
    try:
        result = function(**arguments, **({"extra_body": extra} if extra else {}))
        if body.get("stream"):
            return [event.model_dump() for event in result]
        return result.model_dump()
    except openai.APIStatusError as error:
        return (type(error).__name__, error.status_code, error.code)
    except openai.APIError as error:
        return (type(error).__name__, getattr(error, "code", None))
    except (ValueError, TypeError) as error:
        return (type(error).__name__, str(error))


def only_usage(chunk):
    return chunk.get("choices") == [] and chunk.get("usage")


def replay(vendor, direct, magic, pattern, pick):
    count = 0
    for exchange in exchanges(pattern):
        body = exchange["request"].get("body")
        if not isinstance(body, dict) or not body.get("model") or exchange["response"].get("status") is None:
            continue
        if exchange["request"].get("elided") or exchange.get("fidelity") == "chunks_only":
            continue
        vendor.answer = answer_of(exchange)
        if exchange["stream"] and vendor.answer[0] >= 400:
            continue
        status = exchange["response"]["status"]
        straight = call(pick(direct), body)
        sent = json.loads(vendor.seen.body)
        through = call(pick(magic), {**body, "model": body["model"]})
        name = exchange["id"]
        asked = (body.get("stream_options") or {}).get("include_usage")
        if isinstance(straight, list) and not asked and "chat" in pattern + "completions":
            straight = [chunk for chunk in straight if not only_usage(chunk)]
        if status in (401, 402, 403) or isinstance(straight, tuple) and isinstance(through, tuple):
            # Our own credentials: the caller is told 502. Other errors keep their class.
            ours = status in (401, 402, 403) or b"API key" in vendor.answer[2]
            same = through[0] == "InternalServerError" if ours else through[:1] == straight[:1]
            check(name, same, f"{straight} / {through}")
        else:
            # As text: not a number equals nothing, itself included.
            check(name, json.dumps(straight) == json.dumps(through), f"\n  straight {json.dumps(straight)[:600]}\n  through  {json.dumps(through)[:600]}")
        got = json.loads(vendor.seen.body)
        if body.get("stream") and not asked and "responses" not in pattern:
            got.pop("stream_options", None)
            sent.pop("stream_options", None)
        check(name + " request", got == sent, f"\n  {sent}\n  {got}"[:800])
        count += 1
    print(f"{pattern}: {count} exchanges")


def files(vendor, magic):
    """Endpoints that take or give files."""
    for exchange in exchanges("openai-audio-transcriptions-[0-9a-f]*", "openai-audio-translations-*"):
        vendor.answer = answer_of(exchange)
        if vendor.answer[0] != 200 or "json" not in vendor.answer[1]:
            continue
        function = magic.audio.translations if "translations" in exchange["endpoint"] else magic.audio.transcriptions
        result = function.create(model="whisper-1", file=("a.mp3", b"\0" * 4000, "audio/mpeg"))
        check(exchange["id"], result.text == json.loads(vendor.answer[2])["text"])
        check(exchange["id"] + " form", b'name="model"' in vendor.seen.body and b"\0" * 4000 in vendor.seen.body)
    for exchange in exchanges("openai-audio-speech-*"):
        vendor.answer = answer_of(exchange)
        if vendor.answer[0] == 200:
            audio = magic.audio.speech.create(model="tts-1", voice="alloy", input="hello")
            check(exchange["id"], audio.content == vendor.answer[2])
    for exchange in exchanges("openai-images-generations-*"):
        vendor.answer = answer_of(exchange)
        if vendor.answer[0] == 200:
            result = magic.images.generate(model="gpt-image-1", prompt="a cat")
            check(exchange["id"], len(result.data) == len(json.loads(vendor.answer[2])["data"]))
    for exchange in exchanges("openai-images-edits-*"):
        vendor.answer = answer_of(exchange)
        if vendor.answer[0] == 200:
            result = magic.images.edit(model="gpt-image-1", prompt="a cat", image=("a.png", b"\x89PNG", "image/png"))
            check(exchange["id"], len(result.data) == len(json.loads(vendor.answer[2])["data"]))


def errors(vendor, magic, base_url):
    wrong = openai.OpenAI(base_url=base_url, api_key="sk-wrong", max_retries=0)
    chat = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    check("a wrong key", call(wrong.chat.completions.create, chat) == ("AuthenticationError", 401, "invalid_api_key"))
    unknown = call(magic.chat.completions.create, {**chat, "model": "no-such-model"})
    check("an unknown model", unknown == ("NotFoundError", 404, "model_not_found"), unknown)
    bad = call(magic.chat.completions.create, {**chat, "max_tokens": -1})
    check("a bad parameter", bad == ("BadRequestError", 400, "invalid_request"), bad)
    for status, name in [(429, "RateLimitError"), (400, "BadRequestError"), (422, "UnprocessableEntityError"), (500, "InternalServerError")]:
        vendor.answer = (status, "application/json", b'{"error":{"message":"m","type":"t","code":"c"}}')
        got = call(magic.chat.completions.create, {**chat, "model": f"error-{status}"})
        check(f"the vendor's {status}", got == (name, status, "c"), got)
    check("the list of models", "gpt-4o-mini" in [model.id for model in magic.models.list()])


def main():
    if no_corpus():
        return 0
    vendor = Vendor.start()
    models = {"gpt-4o-mini", "whisper-1", "tts-1", "gpt-image-1"} | {f"error-{s}" for s in (400, 422, 429, 500)}
    for exchange in exchanges("*.json"):
        body = exchange["request"].get("body") if isinstance(exchange["request"], dict) else None
        if isinstance(body, dict) and isinstance(body.get("model"), str):
            models.add(body["model"])
    # A channel a model: an error recorded for one does not set the others aside.
    channels = "".join(
        f'[[channels]]\nname = {json.dumps("c " + m)}\ntype = "custom"\nbase_url = "{vendor.url}"\n'
        f'key = "sk-vendor"\nmodels = [{json.dumps(m)}]\n' for m in sorted(models)
    )
    with gateway(sys.argv[1], "[options]\nRetryTimes = 0\n" + channels) as url:
        direct = openai.OpenAI(base_url=vendor.url + "/v1", api_key="x", max_retries=0)
        magic = openai.OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)
        for name in ("openai", "azure", "mistral", "groq", "deepseek", "xai", "openrouter", "together", "cerebras", "vllm_local"):
            replay(vendor, direct, magic, f"{name}-chat-completions-*", lambda c: c.chat.completions.create)
        replay(vendor, direct, magic, "openai-completions-*", lambda c: c.completions.create)
        replay(vendor, direct, magic, "*-responses-*", lambda c: c.responses.create)
        replay(vendor, direct, magic, "*-embeddings-*", lambda c: c.embeddings.create)
        replay(vendor, direct, magic, "openai-moderations-*", lambda c: c.moderations.create)
        files(vendor, magic)
        errors(vendor, magic, url + "/v1")
    return check.end()


sys.exit(main())
