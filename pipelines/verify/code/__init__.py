"""The verifier `code`: does a program that a model wrote pass the tests of its problem?

`program` finds the program in the text, `suite` reads the tests, `execution` runs them in `rollmill.pipelines.sandbox`,
`expected_values` compares on this side of it. `mutants`, `inputs` and `strength` measure how strong tests are.
"""
