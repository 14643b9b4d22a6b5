"""The same request for each feature, through each face's official Python SDK."""
from .chat import Chat
from .common import CALLS, FEATURES, LIMIT, PARAMETERS, PDF, PNG, PROOF, QUESTION, RESULT, SCHEMA, STOP, SYSTEM, THOUGHT, TOOL
from .gemini import GenerateContent
from .messages import Messages
from .responses import Responses

FACES = [Chat, Responses, Messages, GenerateContent]
