"""Every recorded error of a vendor's chat, through each face: the SDK must raise what the caller can act on.

Usage: errors.py PATH-TO-MAGIC       (recordings: MAGIC_CORPUS, default ../shared/corpus)
"""
import json, sys, warnings

import anthropic, openai
from google.genai import errors

from asks import FACES
from dialects import DIALECTS
from known import CODES
from stand import Checks, Vendor, answer_of, exchanges, gateway, no_corpus

warnings.simplefilter("ignore")
SDK_ERRORS = (openai.APIStatusError, anthropic.APIStatusError, errors.APIError)
TOO_LONG = ("maximum context length", "exceeds the available context size", "prompt is too long")
OURS = (b"API_KEY_INVALID", b"Incorrect API key provided", b"credit balance is too low")  # under a 400
check = Checks()


def wanted(status, body):
    """The status that the caller is to see: our own credentials are nothing that the caller could mend."""
    if status in (401, 402, 403) or any(words in body for words in OURS):
        return {502}
    return {400, status} if status in (413, 422) else {500, 502} if status == 500 else {status}


def replay(vendor, face, model, exchange):
    vendor.answer, vendor.seen = answer_of(exchange), None
    name = f"{exchange['id']} through {face.name}"
    try:
        face.ask(model, "stream" if exchange["stream"] else "system")
    except SDK_ERRORS as error:
        status = error.code if isinstance(error, errors.APIError) else error.status_code
        check(name, status in wanted(*vendor.answer[::2]), f"{vendor.answer[0]} became {error}")
        if isinstance(error, openai.APIError) and exchange["id"] not in CODES and any(words in vendor.answer[2].decode() for words in TOO_LONG):
            check(name + ": its code", error.code == "context_length_exceeded", error.code)
    except Exception as error:
        check(name, False, f"{vendor.answer[0]} became {type(error).__name__}: {error}")
    else:
        check(name, False, f"{vendor.answer[0]} became an answer")


def main():
    if no_corpus():
        return 0
    vendor, work, channels = Vendor.start(), [], ""
    for dialect in DIALECTS:
        for exchange in exchanges(*dialect.patterns):
            other = any(word in exchange["endpoint"] for word in ("batches", "count_tokens"))
            if (exchange["response"].get("status") or 0) < 400 or other or dialect.polled:
                continue
            model = f"error-{len(work)}"  # and a channel each: an error sets its channel aside
            work.append((dialect, exchange, model))
            channels += dialect.channel(vendor, model).replace(json.dumps(dialect.name, ensure_ascii=False), f'"{model}"', 1)
    with gateway(sys.argv[1], "[options]\nRetryTimes = 0\nAutomaticDisableChannelEnabled = false\n" + channels) as url:
        for face in [face(url) for face in FACES]:
            for dialect, exchange, model in work:
                if face.name in (dialect.faces or [face.name]):
                    replay(vendor, face, model, exchange)
    return check.end()


sys.exit(main())
