"""Whether what arrives at a vendor says a feature in the vendor's own words, written from the vendors' references."""
from . import bedrock, gemini, messages, openai, others
