"""What a recorded answer says, read plainly from its bytes: the measure for what comes out of the gateway."""
from .anthropic import anthropic, anthropic_usage
from .bedrock import converse, converse_events, invoked_events
from .chat import chat, chat_usage
from .cohere import cohere
from .dashscope import dashscope
from .facts import CUT, events, facts, finish
from .gemini import gemini, gemini_usage
from .ollama import lines, ollama
from .plain import prediction_events, replicate, tgi, tgi_headers
from .responses import responses, responses_usage
