"""Every word that a template's text may hold, for word-level tokenizers. A test compares it with what the templates write.

Knows no template; numbers are written in digits and are not listed.
"""

_TEXT = """
A After All Anna At Ben Dan Each Eva Find How In Ivy Leo Lily Machines Max Mia No Now One Pumps Sam Start The
Then There They Tom We What Which Zoe a add adds after age ages all and apples are art as at away back bags
balls before between blue books both box boxes buys by cards centimetres chess choose class classes coats
coins come common cookies cooking cost counter dance day days difference discount divide divides divisor do
does dollars door drives each eggs empty end every far feet finds foot for from get gets give gives goes
groups has hats have hour hours how if in inches is it keys know larger largest leaks learn left like litres
lose machine makes many metre metres miles minute minutes months more morning much multiplies multiply music
next none now number numbers of off old older on one or ounces out over pay pays pens people per percent
person piece pieces pound pounds pump puts ratio red result rides rope same seconds sell sells share shares
shells shirts shop sport stamps start starts stones subtract subtracts sum take takes tank than that the them
then there they this times to travel travels trip unit walks was water ways week weeks with writes x years you
younger
"""

WORDS: tuple[str, ...] = tuple(_TEXT.split())
PUNCTUATION: tuple[str, ...] = tuple("().,?=+*-/%#")
