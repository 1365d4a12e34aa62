"""The verifier `counterexample`: does a completion give an input on which a suspect program fails? One module per question.

`puzzle` reads the problem, `given` finds the input in the text, `trial` runs the three parts in the sandbox, `search` is
the baseline that draws inputs at random.
"""

from pipelines.verify.counterexample.verifier import CounterexampleVerifier

__all__ = ["CounterexampleVerifier"]
