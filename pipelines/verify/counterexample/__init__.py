"""The verifier `counterexample`: does a completion give an input on which a suspect program fails?

`proposed_input` finds the input in the text; `refutation` reads the problem and runs its programs on the input.
"""

from pipelines.verify.counterexample.counterexample_verifier import CounterexampleVerifier

__all__ = ["CounterexampleVerifier"]
