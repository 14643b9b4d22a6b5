"""Asks every operation of the OpenAPI document for things that it does and does not declare, as root, as an
administrator, as a user and as nobody; none may fail with a 5xx."""
import json, pathlib, subprocess, sys, urllib.request
import stand

# Those that call vendors come first, while the only channel is our own; those that end the caller's credential don't come.
OUTWARD = ["/api/channel/test", "/api/channel/test/{id}", "/api/channel/update_balance", "/api/channel/update_balance/{id}",
           "/api/channel/{id}/vendor_models", "/api/channel/{id}/conformance"]
OWN_END = ["/api/user/token", "/api/user/self"]

# What a vendor in good health says to everything it is asked here: a vendor that fails is a 502, and rightly so.
VENDOR = {"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model"}], "hard_limit_usd": 5.0, "total_usage": 1.0,
          "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}


def call(base, method, path, body=None, **headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data, {"content-type": "application/json", **headers}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.headers, json.load(answer)


def access_token(base, name, password):
    headers, _ = call(base, "POST", "/api/user/login", {"username": name, "password": password})
    cookie = headers["set-cookie"].split(";")[0]
    return call(base, "POST", "/api/user/token", cookie=cookie)[1]["data"]


def main(binary):
    checks, tool = stand.Checks(), pathlib.Path(sys.executable).with_name("schemathesis")
    vendor = stand.Vendor.start()
    vendor.answer = 200, "application/json", json.dumps(VENDOR).encode()
    config = f"""
[[channels]]
name = "own"
type = "custom"
base_url = "{vendor.url}"
key = "sk-vendor-key-0123456789"
models = ["gpt-4o-mini"]
"""
    quiet = {"GLOBAL_API_RATE_LIMIT": "0", "TURNSTILE_VERIFY_URL": vendor.url}
    with stand.gateway(binary, config, quiet) as base:
        root = access_token(base, "root", "root password")
        people = {"root": root}
        for name, role in (("admin", 10), ("user", 1)):
            call(base, "POST", "/api/user", {"username": name, "password": "a password", "role": role}, authorization=root)
            people[name] = access_token(base, name, "a password")
        people["nobody"] = None

        def run(title, token, *filters):
            command = [str(tool), "run", base + "/api/openapi.json", "--checks", "not_a_server_error", "--seed", "1",
                       "--max-examples", "12", "--generation-database", "none", "--no-color", "--workers", "2",
                       "--suppress-health-check", "all", "--request-timeout", "20",
                       "--generation-with-security-parameters", "false", "--warnings", "off", *filters]
            if token:
                command += ["--header", f"Authorization: {token}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=900)
            tail = [line for line in done.stdout.splitlines() if "generated" in line or "Test cases" in line or "passed" in line]
            print(f"{title}: {' '.join(tail[-2:]).strip()}")
            checks(title, done.returncode == 0, done.stdout[-6000:] + done.stderr[-500:])

        included = [part for path in OUTWARD for part in ("--include-path", path)]
        excluded = [part for path in OUTWARD + OWN_END for part in ("--exclude-path", path)]
        run("root, calls to vendors", people["root"], *included)
        for name, token in people.items():
            run(name, token, *excluded)
        # The service is as it was.
        checks("status", call(base, "GET", "/api/status")[1]["success"])
        checks("audit", call(base, "GET", "/api/audit/verify", authorization=root)[1]["data"]["ok"])
        operations = [operation for item in call(base, "GET", "/api/openapi.json")[1]["paths"].values() for operation in item]
        checks("operations", len(operations) > 100)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
