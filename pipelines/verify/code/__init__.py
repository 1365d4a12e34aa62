"""The verifier `code`: does a program that a model wrote pass the tests of its problem? One module per question.

`program` finds the program in the text, `suite` reads the tests, `values` and `output` compare on this side of the sandbox,
`mutants` plants errors. What runs the programs is `pipelines.sandbox`.
"""

from pipelines.verify.code.verifier import CodeVerifier

__all__ = ["CodeVerifier"]
