"""The HTTP side of the engine `openai`: servers, requests, replies, retries, replicas."""
