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

USAGE = {
    f"tgi-generate-{id}": "the gateway does not read x-prompt-tokens and x-generated-tokens; whole answers tell usage nowhere else"
    for id in ("0538eba2f8", "2f472cc25a", "47fb4b8d14", "5d23fb61aa", "705da610f9", "a117a021ed", "a4f81b3982")
}

FAULTS = [  # face (None: any), feature, what of the request or its warning shows it, why
    ("generateContent", "image", "AQDJ_pLv", "the SDK writes base64 in the alphabet for URLs, and other vendors are sent it as it is"),
    ("generateContent", "document", "JVBERi0xLjQg----__4=", "the same"),
    ("generateContent", "cache mark", "dropped=cachedContent", "most vendors are asked without the text of cachedContent, with a warning"),
    ("generateContent", "thought returned", '"call_1"', "the face does not carry the proofs of other vendors' thoughts"),
    ("generateContent", "thought streamed", '"call_1"', "nor here; and thoughts that came in pieces go back with line ends between them"),
    (None, "text in pieces", "hel\\nlo", "vendors of bare text are told the model's own text with line ends between its pieces"),
]

CODES = {
    id: "a prompt that is too long keeps the vendor's own code, where OpenAI's callers look for context_length_exceeded"
    for id in (
        "openrouter-chat-completions-e0fe027f71", "deepseek-chat-completions-005694e754", "llamacpp-chat-completions-7b490fe939",
        "anthropic-messages-6ee1a057f1",
    )
}
