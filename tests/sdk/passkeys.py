"""Passkeys in a real browser: Chromium's own WebAuthn with its virtual authenticator, on the gateway's own page. The browser is
driven through a pipe (DevTools' protocol, JSON that ends with a zero byte)."""
import json, os, shutil, subprocess, sys, tempfile
import stand

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CALL = """
async function api(method, path, body) {
    const answer = await fetch(path, { method, body: body === undefined ? undefined : JSON.stringify(body) });
    return { status: answer.status, ...await answer.json() };
}
async function create(proof, name) {
    const begun = await api("POST", "/api/user/self/passkeys/begin", proof);
    if (begun.status !== 200) return begun;
    const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(begun.data.publicKey);
    const made = await navigator.credentials.create({ publicKey });
    return api("POST", "/api/user/self/passkeys/finish", { name, passkey: made.toJSON() });
}
async function sign(asked) {
    const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(asked);
    return (await navigator.credentials.get({ publicKey })).toJSON();
}
async function alone() {
    const begun = await api("POST", "/api/user/passkey/login/begin", {});
    return api("POST", "/api/user/passkey/login/finish", { passkey: await sign(begun.data.publicKey) });
}
async function withPassword(account) {
    const refusal = await api("POST", "/api/user/login", account);
    if (refusal.status !== 401) return refusal;
    const passkey = await sign(refusal.data.publicKey);
    return { asked: refusal, ...await api("POST", "/api/user/login", { ...account, passkey }) };
}
"""


class Browser:
    """A headless Chromium with one page."""

    def __init__(self, path, folder):
        # The browser reads what it is told from its descriptor 3, and answers on 4.
        theirs, self.write = os.pipe()
        self.read, their_write = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage", f"--user-data-dir={folder}",
                 "--remote-debugging-pipe", "about:blank"]
        command = ["bash", "-c", f'exec "$@" 3<&{theirs} 4>&{their_write}', "bash", path, *flags]
        self.process = subprocess.Popen(command, pass_fds=(theirs, their_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs), os.close(their_write)
        self.number, self.rest, self.session = 0, b"", None
        pages = self.tell("Target.getTargets")["targetInfos"]
        page = next(page["targetId"] for page in pages if page["type"] == "page")
        self.session = self.tell("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]

    def message(self):
        while b"\0" not in self.rest:
            more = os.read(self.read, 1 << 16)
            assert more, "the browser has ended"
            self.rest += more
        text, self.rest = self.rest.split(b"\0", 1)
        return json.loads(text)

    def tell(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params} | ({"sessionId": self.session} if self.session else {})
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.number:
                assert "error" not in answer, answer
                return answer["result"]

    def open(self, url):
        self.tell("Page.enable")
        self.tell("Page.setBypassCSP", enabled=True)  # our front page calls nobody
        self.tell("Page.navigate", url=url)
        while self.message().get("method") != "Page.loadEventFired":
            pass
        self.tell("Runtime.evaluate", expression=CALL)

    def run(self, expression):
        """What a promise of the page's gives, or the name of its error."""
        wrapped = f"(async () => {{ try {{ return await {expression} }} catch (error) {{ return {{ thrown: error.name, message: error.message }} }} }})()"
        answer = self.tell("Runtime.evaluate", expression=wrapped, awaitPromise=True, returnByValue=True, userGesture=True)
        return answer["result"].get("value") or {"thrown": json.dumps(answer)}

    def api(self, method, path, body=None):
        return self.run(f"api({json.dumps(method)}, {json.dumps(path)}, {json.dumps(body) if body is not None else 'undefined'})")

    def end(self):
        self.tell("Browser.close")
        self.process.wait(20)


def flows(checks, browser):
    authenticator = browser.tell("WebAuthn.enable") or browser.tell("WebAuthn.addVirtualAuthenticator", options={
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
        "automaticPresenceSimulation": True})["authenticatorId"]
    account = {"username": "alice", "password": "a password"}
    root = {"username": "root", "password": "root password"}
    checks("root signs in", browser.api("POST", "/api/user/login", root)["status"] == 200)
    checks("an account", browser.api("POST", "/api/user", account)["status"] == 200)
    checks("it signs in", browser.api("POST", "/api/user/login", account)["status"] == 200)
    told = browser.api("GET", "/api/status")
    checks("localhost has passkeys", told["data"]["passkey_login"] is True, told)
    proof = json.dumps({"password": account["password"]})
    told = browser.run(f"create({proof}, 'this device')")
    checks("made", told.get("status") == 200 and told["data"]["site"] == "localhost", told)
    recovery = told["data"]["recovery_codes"]
    checks("recovery codes", len(recovery) == 10, told)
    told = browser.run(f"create({json.dumps({'totp': recovery[0]})}, 'again')")
    checks("not made twice on one device", told.get("thrown") == "InvalidStateError", told)
    browser.api("GET", "/api/user/logout")
    checks("signed out", browser.api("GET", "/api/user/self")["status"] == 401)

    told = browser.run("alone()")
    checks("signs in alone", told.get("status") == 200 and told["data"]["username"] == "alice", told)
    checks("the session", browser.api("GET", "/api/user/self")["status"] == 200)
    told = browser.run(f"withPassword({json.dumps(account)})")
    checks("after a password", told.get("status") == 200 and told["asked"]["code"] == "passkey_required", told)
    checks("nothing else opens", browser.api("POST", "/api/user/login", account)["status"] == 401)
    told = browser.api("POST", "/api/user/login", account | {"totp": recovery[1]})
    checks("a recovery code", told["status"] == 200, told)

    browser.tell("WebAuthn.setUserVerified", authenticatorId=authenticator, isUserVerified=False)
    told = browser.run("alone()")
    checks("the browser insists on its owner", told.get("thrown") == "NotAllowedError", told)
    browser.tell("WebAuthn.setUserVerified", authenticatorId=authenticator, isUserVerified=True)

    (credential,) = browser.tell("WebAuthn.getCredentials", authenticatorId=authenticator)["credentials"]
    checks("it counts", credential["signCount"] > 1, credential)
    browser.tell("WebAuthn.removeCredential", authenticatorId=authenticator, credentialId=credential["credentialId"])
    browser.tell("WebAuthn.addCredential", authenticatorId=authenticator, credential=credential | {"signCount": 1})
    told = browser.run("alone()")
    checks("a copy is refused", told.get("status") == 401 and told["code"] == "passkey_wrong", told)
    browser.api("POST", "/api/user/login", root)
    trail = browser.api("GET", "/api/audit?path=/api/user/passkey/login")["data"]
    checks("and on record", any("backwards" in json.dumps(row["detail"]) for row in trail), trail)

    browser.tell("WebAuthn.removeCredential", authenticatorId=authenticator, credentialId=credential["credentialId"])
    browser.tell("WebAuthn.addCredential", authenticatorId=authenticator, credential=credential | {"signCount": 100})
    told = browser.run("alone()")
    checks("the true one still signs in", told.get("status") == 200, told)
    (passkey,) = browser.api("GET", "/api/user/self/passkeys")["data"]
    path = f"/api/user/self/passkeys/{passkey['id']}"
    refusal = browser.api("DELETE", path, {"password": account["password"]})
    checks("not taken away by the password", refusal["status"] == 401, refusal)
    gone = f"sign({json.dumps(refusal['data']['publicKey'])}).then(passkey => api('DELETE', '{path}', {{ passkey }}))"
    told = browser.run(gone)
    checks("taken away by itself", told.get("status") == 200, told)
    told = browser.run("alone()")
    checks("and gone", told.get("status") == 401, told)
    checks("the password is enough again", browser.api("POST", "/api/user/login", account)["status"] == 200)


def main(binary):
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        print("SKIPPED: there is no Chromium")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    checks = stand.Checks()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, stand.gateway(binary, "") as base:
        browser = Browser(path, folder)
        try:
            browser.open(base.replace("127.0.0.1", "localhost"))
            flows(checks, browser)
        finally:
            browser.end()
    return checks.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
