"""The engine `vllm`: vLLM's offline engine in a child process with an interpreter of its own. It imports none itself."""
