"""Accounts with servers of other people's making, in processes of their own: mail by aiosmtpd (STARTTLS, a verified
certificate), sign-in by oidc-provider, the browser's part played with a cookie jar."""
import http.cookiejar, json, mailbox, os, pathlib, re, subprocess, sys, tempfile, time, urllib.error, urllib.parse, urllib.request
import stand

PROVIDER = pathlib.Path(__file__).with_name("node") / "provider.mjs"
SITE = "http://127.0.0.1:1"  # where browsers are sent back to; nobody listens, the tests read the address


class Browser:
    """Cookies, and redirects followed by hand: the last address is what is looked at."""

    def __init__(self):
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_):
                return None

        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), Stay)

    def ask(self, url, body=None, kind="application/json", method=None):
        headers = {"content-type": kind} if body is not None else {}
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            answer = self.opener.open(request, timeout=20)
        except urllib.error.HTTPError as error:
            answer = error
        return answer.status, answer.headers, answer.read().decode()

    def api(self, base, method, path, body=None):
        status, _, text = self.ask(base + path, None if body is None else json.dumps(body).encode(), method=method)
        return status, json.loads(text)

    def walk(self, url, until):
        """Follows redirects until an address begins with `until` (that one), or a page is shown (its text)."""
        for _ in range(12):
            if url.startswith(until):
                return url, None
            status, headers, text = self.ask(url)
            if status not in (302, 303):
                return url, text
            url = urllib.parse.urljoin(url, headers["location"])
        raise AssertionError("redirected for ever")


def mail_server(folder):
    """aiosmtpd on a free port, its mail in a Maildir; the process, the port, its certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", certificate,
               "-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)
    port = stand.free_port()
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Mailbox", "-l", f"127.0.0.1:{port}", "--tlscert", certificate,
               "--tlskey", key, folder / "mail"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL), port, certificate


def mail_to(folder, address):
    """The next mail to an address: what stands in it as text."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if (folder / "mail" / "new").is_dir():
            box = mailbox.Maildir(folder / "mail", create=False)
            for name, mail in box.items():
                if mail["to"] == address:
                    box.remove(name)
                    part = next(part for part in mail.walk() if part.get_content_type() == "text/plain")
                    return part.get_payload(decode=True).decode()
        time.sleep(0.05)  # the server tells nobody when a file is there
    raise AssertionError(f"no mail to {address}")


def wait_for(port):
    import socket

    until = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until, "the mail server does not start"
            time.sleep(0.05)


def mail_flows(checks, base, root, folder):
    browser = Browser()
    status, _ = browser.api(base, "GET", "/api/verification?email=alice@example.com")
    checks("verification", status == 200)
    code = re.search(r"^\s*([0-9a-f]{6})\s*$", mail_to(folder, "alice@example.com"), re.M).group(1)
    account = {"username": "alice", "password": "a password", "email": "alice@example.com"}
    status, told = browser.api(base, "POST", "/api/user/register", {**account, "verification_code": "zzzzzz"})
    checks("a wrong code", status == 422, told)
    status, told = browser.api(base, "POST", "/api/user/register", {**account, "verification_code": code})
    checks("registration", status == 200 and told["data"]["default_token"].startswith("sk-"), told)
    browser.api(base, "GET", "/api/reset_password?email=alice@example.com")
    link = re.search(r"https?://\S+/user/reset\?\S+", mail_to(folder, "alice@example.com")).group(0)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
    status, told = browser.api(base, "POST", "/api/user/reset", {**query, "password": "another password"})
    checks("reset", status == 200, told)
    for password, wanted in (("a password", 401), ("another password", 200)):
        status, told = browser.api(base, "POST", "/api/user/login", {"username": "alice@example.com", "password": password})
        checks(f"sign-in: {wanted}", status == wanted, told)
    status, _ = browser.api(base, "GET", "/api/reset_password?email=nobody@example.com")
    checks("nobody is told apart", status == 200)
    # The certificate names localhost only: under another name the server gets no mail.
    root.api(base, "PUT", "/api/option", {"key": "SMTPServer", "value": "127.0.0.1"})
    browser.api(base, "GET", "/api/verification?email=bob@example.com")
    root.api(base, "PUT", "/api/option", {"key": "SMTPServer", "value": "localhost"})
    browser.api(base, "GET", "/api/verification?email=carol@example.com")
    mail_to(folder, "carol@example.com")
    left = [mail["to"] for mail in mailbox.Maildir(folder / "mail", create=False)]
    checks("a server whose certificate does not fit gets none", left == [], left)


def sign_in(checks, base, issuer, browser, name):
    """The whole way: start, the provider's pages, back; the answer of our callback."""
    status, told = browser.api(base, "GET", "/api/oauth/oidc/start")
    if not checks("start", status == 200, told):
        return status, told
    url, page = browser.walk(told["data"]["url"], SITE)
    while page is not None:
        action = re.search(r'action="([^"]+)"', page).group(1)
        prompt = re.search(r'name="prompt" value="([^"]+)"', page).group(1)
        form = urllib.parse.urlencode({"prompt": prompt, "login": name, "password": "x"}).encode()
        status, headers, text = browser.ask(urllib.parse.urljoin(issuer, action), form, "application/x-www-form-urlencoded")
        assert status in (302, 303), text
        url, page = browser.walk(urllib.parse.urljoin(issuer, headers["location"]), SITE)
    query = urllib.parse.urlsplit(url).query
    status, told = browser.api(base, "GET", f"/api/oauth/oidc?{query}")
    again, _ = browser.api(base, "GET", f"/api/oauth/oidc?{query}")
    checks("the way back is good once", again == 403, again)
    return status, told


def provider_flows(checks, base, root):
    provider = subprocess.Popen(["node", PROVIDER, f"{SITE}/oauth/oidc"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        issuer = provider.stdout.readline().strip()
        assert issuer.startswith("http://127.0.0.1:"), "the provider does not start"
        for key, value in (("OidcWellKnown", f"{issuer}/.well-known/openid-configuration"), ("OidcClientId", "magic"),
                           ("OidcClientSecret", "a client secret"), ("OidcEnabled", "true"), ("ServerAddress", SITE)):
            status, told = root.api(base, "PUT", "/api/option", {"key": key, "value": value})
            checks(f"option {key}", status == 200, told)
        dora = Browser()
        status, told = sign_in(checks, base, issuer, dora, "dora")
        checks("a new account", status == 200, told)
        status, me = dora.api(base, "GET", "/api/user/self")
        checks("signed in", status == 200 and me["data"]["oidc_id"] == "dora", me)
        status, again = sign_in(checks, base, issuer, Browser(), "dora")
        checks("the same account", status == 200 and again["data"]["id"] == told["data"]["id"], again)
        alice = Browser()
        alice.api(base, "POST", "/api/user/login", {"username": "alice", "password": "another password"})
        status, told = sign_in(checks, base, issuer, alice, "eve")
        checks("bound", status == 200 and told["message"] == "bind", told)
        status, told = sign_in(checks, base, issuer, Browser(), "eve")
        checks("signs in as whom it is bound to", told["data"]["username"] == "alice", told)
        root.api(base, "PUT", "/api/option", {"key": "OidcClientSecret", "value": "wrong"})
        status, told = sign_in(checks, base, issuer, Browser(), "dora")
        checks("a wrong client secret", status >= 400 and "a client secret" not in json.dumps(told), told)
    finally:
        provider.terminate()
        provider.wait(20)


def main(binary):
    checks = stand.Checks()
    with tempfile.TemporaryDirectory() as text:
        folder = pathlib.Path(text)
        server, port, certificate = mail_server(folder)
        try:
            wait_for(port)
            with stand.gateway(binary, "", {"SSL_CERT_FILE": str(certificate)}) as base:
                root = Browser()
                root.api(base, "POST", "/api/user/login", {"username": "root", "password": "root password"})
                for key, value in (("SMTPServer", "localhost"), ("SMTPPort", str(port)), ("SMTPFrom", "noreply@example.com"),
                                   ("EmailVerificationEnabled", "true")):
                    root.api(base, "PUT", "/api/option", {"key": key, "value": value})
                mail_flows(checks, base, root, folder)
                provider_flows(checks, base, root)
        finally:
            server.terminate()
            server.wait(20)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
