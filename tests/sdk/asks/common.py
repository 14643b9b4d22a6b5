"""What is asked about, and what the faces have in common."""
import base64, struct, zlib

import httpx2


def png():
    """A picture of one red pixel."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


PNG = base64.b64encode(png()).decode()
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"], "additionalProperties": False}
TOOL = {"name": "get_weather", "description": "The weather in a city"}
CALLS = [("call_a", "Paris", "18 degrees"), ("call_b", "Rome", "24 degrees")]
RESULT = CALLS[0][2]
THOUGHT, PROOF = "I look at Paris.", base64.b64encode(b"\xfb\xef\xbe proof \xff\xfe\xfd").decode()  # both alphabets differ
PDF = base64.b64encode(b"%PDF-1.4 \xfb\xef\xbe\xff\xfe").decode()
SYSTEM, LIMIT, STOP = "Be brief.", 2000, "END"
QUESTION = "How is the weather in Paris and Rome?"
PIECES = ["hel", "lo"]  # what the model said before, as a stream brought it
FEATURES = ["stream", "system", "limits", "document", "tools", "forced call", "parallel calls", "image", "reasoning", "schema", "cache mark"]
FEATURES += ["text in pieces", "thought returned", "thought streamed"]


def arguments(city):
    return '{"city":"%s"}' % city


class Face:
    """A face of the gateway; `head` is that of its last answer."""

    head = {}

    def client(self):
        return httpx2.Client(event_hooks={"response": [self.hear]})

    def hear(self, response):
        self.head = response.headers

    def ask(self, model, feature):
        self.head = {}
        return getattr(self, feature.replace(" ", "_"))(model)

    def thought_streamed(self, model):
        self.thought_returned(model, True)
