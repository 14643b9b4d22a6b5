"""The official Node SDKs, in a process of their own: node/faces.mjs."""
import json, pathlib, subprocess

import recorded
from stand import KEY

FACES = pathlib.Path(__file__).with_name("node") / "faces.mjs"
USAGE = {
    "Chat Completions": recorded.chat_usage,
    "Responses": recorded.responses_usage,
    "Messages": recorded.anthropic_usage,
    "generateContent": recorded.gemini_usage,
}


class Node:
    def __init__(self, url):
        self.url = url
        self.process = subprocess.Popen(["node", FACES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask_all(self, faces, model, stream):
        """What each of the faces read, as facts by the face's name; all are asked at once."""
        for face in faces:
            asked = {"id": face, "face": face, "base_url": self.url, "key": KEY, "model": model, "stream": stream}
            self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        answers = [json.loads(self.process.stdout.readline()) for _ in faces]
        return {answer["id"]: facts(answer) for answer in answers}

    def end(self):
        self.process.stdin.close()
        self.process.wait(20)


def facts(answer):
    face = answer.pop("id")
    if "error" in answer:
        return answer
    usage = answer.pop("usage")
    answer["input"], answer["output"] = USAGE[face](usage) if usage else (None, None)
    answer["calls"] = [tuple(call) for call in answer["calls"]]
    return recorded.finish(answer)
