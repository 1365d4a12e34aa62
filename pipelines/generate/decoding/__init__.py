"""Decoding over a step model, with counted calls: the parts of the decoders in `rollmill.pipelines.generate.decoders`.

`speculative` with `draft_rules`, `optimum` and `drafters`, `coupled`; `beam`; `constrained` with `grammar` and
`text_rules`. `choices` enumerates all random choices of a method, so that tests know its exact distribution.
"""
