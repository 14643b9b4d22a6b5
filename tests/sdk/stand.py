"""What the SDK tests stand on: a vendor that answers as recorded, a gateway in front of it, and the recordings."""
import base64, contextlib, glob, http.server, json, os, pathlib, socket, subprocess, tempfile, threading, typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = pathlib.Path(os.environ.get("MAGIC_CORPUS") or ROOT.parent / "shared" / "corpus")
KEY = "sk-roottoken0123456789"


class Seen(typing.NamedTuple):
    """What arrived at the vendor."""

    path: str
    headers: dict
    body: bytes
    face: str = ""  # which of the gateway's it came by, where that matters


class Vendor(http.server.ThreadingHTTPServer):
    """Answers with whatever `answer` holds: (status, content type, body); posts with `first`, where there is one, and the
    first of them with what is in `queue`.
    """

    answer = (200, "application/json", b"{}")
    headers = {}
    first = None
    queue = ()
    seen = None

    @classmethod
    def start(cls):
        vendor = cls(("127.0.0.1", 0), Handler)
        vendor.url = f"http://127.0.0.1:{vendor.server_port}"
        threading.Thread(target=vendor.serve_forever, daemon=True).start()
        return vendor

    def prediction(self):
        """What Replicate's posts are told: where the answer is."""
        where = {"get": self.url + "/v1/predictions/1", "stream": self.url + "/v1/streams/1"}
        begun = {"id": "1", "status": "starting", "output": None, "error": None, "urls": where}
        return 201, "application/json", json.dumps(begun).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.respond(self.server.answer)

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        self.server.seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, self.rfile.read(length))
        if self.server.queue:
            return self.respond(self.server.queue.pop(0))
        self.respond(self.server.first or self.server.answer)

    def respond(self, answer):
        status, kind, body = answer
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        for name, value in self.server.headers.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)


class Checks:
    """Counts what holds and says what does not."""

    def __init__(self):
        self.passed, self.failed = 0, []

    def __call__(self, name, ok, detail=""):
        if ok:
            self.passed += 1
        else:
            self.failed.append(name)
            print(f"FAILED {name} {detail}"[:2000])
        return ok

    def end(self):
        print(f"{self.passed} passed, {len(self.failed)} failed")
        return 1 if self.failed else 0


def no_corpus():
    """Whether there is nothing to replay; says so."""
    if CORPUS.is_dir():
        return False
    print(f"SKIPPED: the recorded traffic is not at {CORPUS} (set MAGIC_CORPUS)")
    print("0 passed, 0 failed, 1 skipped")
    return True


def exchanges(*patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(str(CORPUS / pattern))):
            with open(path) as file:
                yield json.load(file)


def answer_of(exchange):
    response = exchange["response"]
    kind = next((v for k, v in (response.get("headers") or {}).items() if k.lower() == "content-type"), None)
    if response.get("body_base64"):
        return response["status"], kind or "application/octet-stream", base64.b64decode(response["body_base64"])
    body = response.get("body")
    if isinstance(body, str):
        return response["status"], kind or ("text/event-stream" if exchange["stream"] else "application/json"), body.encode()
    return response["status"], kind or "application/json", json.dumps(body).encode()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def gateway(binary, config, more=()):
    """A gateway of its own with this configuration and, besides, this environment; its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        (pathlib.Path(folder) / "magic.toml").write_text(config)
        environment = {"PATH": os.environ["PATH"], "INITIAL_ROOT_TOKEN": KEY, "INITIAL_ROOT_PASSWORD": "root password", "RUST_LOG": "error", **dict(more)}
        process = subprocess.Popen([binary, "--port", str(port)], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline().startswith("MAGIC ready"), "the gateway does not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)
