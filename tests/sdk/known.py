"""What can't be compared, and why: cells, recordings whose usage is not, codes of errors. Faults of requests that are known."""
KNOWN = {
    "Messages of anthropic-messages-s-3c69c057dc": "the recorded ping is no JSON: the SDK fails on the vendor's own bytes",
    "Responses of github_copilot-responses-s-8542955c0a (Node)": "the recording's ids are redacted to different ones: the SDK refuses it",
    "Messages of anthropic-messages-s-868aa6615a": "the SDK's types leave out the usage of iterations",
    "Messages of anthropic-messages-s-b6678b0204": "the SDK's types leave out the usage of iterations",
} | {
    f"generateContent of vertex-generatecontent-{id} (Python)": "the SDK does not read the numbers of its own enum"
    for id in ("11f63c5c57", "37875f2552", "688265d145")
}

USAGE = {}

FAULTS = []  # face (None: any), feature, what of the request or its warning shows it, why

CODES = {}
