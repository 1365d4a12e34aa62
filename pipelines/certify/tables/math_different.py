"""Pairs of answers that are different under every policy we know. Each is asked in both orders.

Classes named after a thread hold pairs that a published grader called equal. `numerics` differ only far behind the comma.
"""

from pipelines.certify.tables.math_alike import ALIKE, Pairs

DIFFERENT: dict[str, Pairs] = {
    "alike": ALIKE,
    "integer": (
        ("7", "8"), ("16", "61"), ("100", "1000"), ("1000000", "1000001"),
        ("12345678901234567890", "12345678901234567891"),
        ("9007199254740993", "9007199254740992"), ("2^{100}", "2^{100}+1"), ("10^{20}", "10^{20}+1"), ("7", "77"),
        ("12", "1,2"),
        ("1,234", "1.234"), ("0", "1"), ("12", "1 2"), ("1234", "12,34,5"), ("70", "7.0"), ("1", "1.0001"), ("5", "5.5"),
    ),
    "sign": (
        ("3", "-3"), ("-1/2", "1/2"), ("1-e", "e-1"), ("x-1", "1-x"), (r"\sqrt3-1", r"1-\sqrt3"), (r"\pm 3", "3"),
        (r"3\pm\sqrt2", r"3+\sqrt2"),
        ("-3", "3."), ("-0.5", "0.5"), (r"-\frac{2}{3}", r"\frac{2}{3}"), ("(-1, 2)", "(1, 2)"), ("-x", "x"), ("−7", "7"),
        (r"\pm 2021", "2021"),
    ),
    "fraction": (
        ("1/2", "2/1"), ("1/2", "1/3"), (r"\frac{2}{9}", r"\frac{9}{2}"), (r"\frac{6}{11}", r"\frac{27}{50}"),
        ("3 1/2", "31/2"),
        (r"3\frac12", r"\frac{3}{2}"), ("1/2", "12"), (r"\frac{1}{12}", r"\frac{11}{2}"), ("0.5", "5"), ("1/4", "0.2"),
        (r"0.\overline{3}", "0.3"),
    ),
    "tiny": (
        (r"\frac{1}{2004!}", r"\frac{1}{2006!}"), (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"), ("0", "10^{-30}"),
        ("10^{-20}", "10^{-21}"),
        ("e^{-50}", "e^{-51}"), ("1-10^{-17}", "1"),
        (r"\frac{2^{2005}+1}{3 \cdot 2^{2006}}", r"\frac{1}{3 \cdot 2^{2006}}"), ("0", "0.0000001"),
        (r"\frac{1}{3^{200}}", "0"), ("10^{-400}", "10^{-401}"), (r"\frac{1}{100!}", r"\frac{1}{101!}"),
        (r"2^{-1074}", "0"),
    ),
    "huge": (
        ("2004!", "2006!"), ("10^{400}", "10^{401}"), ("2^{1000}", "2^{1000}+1"), ("e^{800}", "e^{801}"),
        ("9^{99}", "9^{99}-1"),
        (r"\infty", "10^{100}"), ("10^{10^{10}}", "10^{10^{11}}"), ("3^{2000}", "3^{2001}"), ("100!", "100!+1"),
    ),
    "numerics": (
        (r"e^{\pi\sqrt{163}}", "262537412640768744"), (r"\sqrt[4]{\frac{2143}{22}}", r"\pi"),
        (r"\frac{\ln(640320^3+744)}{\sqrt{163}}", r"\pi"),
        (r"\sin 11", "-1"), (r"\frac{355}{113}", r"\pi"), (r"e^\pi-\pi", "20"), (r"\sqrt{2}+\sqrt{3}-\pi", "0"),
        (r"\frac{\pi^9}{e^8}", "10"),
        (r"\sqrt{10^{20}+1}", "10^{10}"), ("22/7", r"\pi"), (r"\cos(10^{-10})", "1"), (r"\tanh 50", "1"),
    ),
    "root": (
        (r"\sqrt{2}", "2"), (r"\sqrt2", r"\sqrt3"), (r"4\sqrt2", "4"), (r"\sqrt[3]{2}", r"\sqrt{2}"),
        (r"2\sqrt3", r"3\sqrt2"),
        (r"\sqrt{x+1}", r"\sqrt{x}+1"), ("4", r"4\sqrt(2)"), (r"\sqrt{12}", r"2\sqrt{2}"), (r"\sqrt{1}2", r"\sqrt{12}"),
        (r"\sqrt[3]{8}", r"3\sqrt{8}"),
    ),
    "power": (
        ("2^3", "3^2"), ("x^2", "x^3"), ("x^2", "2x"), ("(ab)^2", "ab^2"), ("2^{x+1}", "2^x+1"), ("x^{2y}", "x^2y"),
        ("10^3", "103"),
        ("2^{-1}", "2^1"), ("e^{2x}", "e^{x^2}"), ("7²", "72"), ("x²", "x2"), ("2^{31}-1", "2^{31-1}"),
        ("(-2)^4", "-2^4"),
    ),
    "algebra": (
        ("(x+1)^2", "x^2+1"), ("1/(2x)", "x/2"), ("a-b", "b-a"), ("x+y", "xy"), (r"\frac{a}{b}", r"\frac{b}{a}"),
        ("x_1", "x_2"), ("a", "b"),
        ("2x+1", "2x-1"), ("x(x+1)", "x^2+1"), ("x^2+2x+1", "x^2+2x-1"), (r"\frac{x+1}{2}", r"x+\frac12"), ("2x", "x"),
        ("x", "X+1"), ("2", "2x"),
        ("ab+c", "a(b+c)"), (r"\frac{1}{x+y}", r"\frac1x+\frac1y"), ("n(n+1)/2", "n(n-1)/2"), ("x", "1"),
    ),
    "function": (
        (r"\sin x", r"\cos x"), (r"\sin^2 x", r"\sin x^2"), (r"\log_2 3", r"\log_3 2"), (r"\ln 2", r"\log_{10} 2"),
        (r"\tan x", r"\cot x"),
        (r"\lfloor x\rfloor", r"\lceil x\rceil"), ("|x|", "x"), ("f'(x)", "f(x)"), (r"\arcsin x", r"\sin x"),
        ("f(x)", "g(x)"), ("f(1)", "f(2)"), (r"\exp(x)", r"\exp(-x)"), (r"\ln x", r"\ln(x+1)"), (r"\sin 2x", r"2\sin x"),
    ),
    "complex": (
        ("1+i", "1-i"), ("i", "1"), ("2i", "2"), ("i", "-i"), ("3+4i", "4+3i"), ("|3+4i|", "7"), ("i", "j+1"),
    ),
    "counting": (
        (r"\binom{5}{2}", r"\frac{5}{2}"), (r"\binom{n}{2}", r"\binom{n}{3}"), ("5!", "5"), ("n!", "(n+1)!"), ("n!", "n"),
        ("(2n)!", "2n!"),
        (r"\binom{6}{2}", r"\binom{6}{3}"), ("10", r"\binom{10}{2}"),
    ),
    "dots": (
        (r"1, 2, \ldots, n", r"1, 3, 5, \ldots, 2n-1"), (r"1:2:3:\ldots", r"1:4:9:\ldots"),
        (r"1+2+\cdots+n", r"1+3+\cdots+n"),
        (r"F_n = \sum_{k=0}^{n-1} F_k F_{n-k-1}", r"F_n = \sum_{k=0}^{n-2} F_k F_{n-k-2}"),
        (r"\sum_{k=1}^{n} k", r"\sum_{k=1}^{n-1} k"),
        (r"\int_0^1 x\,dx", r"\int_0^2 x\,dx"), (r"\lim_{x\to0}f(x)", r"\lim_{x\to1}f(x)"),
        (r"\prod_{k=1}^n k", r"\sum_{k=1}^n k"),
        (r"a_1, a_2, \dots", r"b_1, b_2, \dots"),
    ),
    "lost_by_a_parser": (
        (r"1 - \frac{1}{\mathrm{e}}", r"1 + \frac{1}{\mathrm{e}}"), ("3*x-1*y+13=0", "3x + 4y + 14=0"),
        (r"19, 46, \text{ and } 82", "21, 36, and 82"),
        ("n=2, 3, 4", "n=1, 2, 3"), ("D = (0, 1)", "D = (0, 1.5)"), ("0", "20x+23y+26z-69=0"), ("1", "9=1"), ("0", "1=0"),
        ("3", "1+1=3"),
        (r"O(\log \log n)", r"\Theta(\log \log n)"), ("12:00", "1:00"), ("x^2", "x^2 dy"),
        (r"5\,\mathrm{A}", r"6\,\mathrm{A}"), ("b=1", "c=2"),
        (r"2\mathrm{e}", "2"), (r"\mathbf{a}+\mathbf{b}", r"\mathbf{a}"), ("7a", "7b"), (r"\text{7 or 8}", "7"),
        ("7, ", "7, 8"),
    ),
    "list": (
        ("1,2", "1,3"), ("1,2,3", "1,2"), (r"\{1,2\}", r"\{1,3\}"), ("(1,2)", "(2,1)"), ("(1,2,3)", "(1,2)"),
        ("2,3", "23"), ("(1,2)", "1.2"),
        ("1,234", "1,2,3,4"), ("(1,2)", r"\{1,2\}"), (r"\{1,2\}", r"\{1,2,3\}"), ("5, 6", "5"),
        ("(0,0)", "0"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \frac{2\pi}{3})"), (r"\{(1,2)\}", r"\{(2,1)\}"),
        ("(1,2),(3,4)", "(1,2),(4,3)"), ("1;2", "1;3"),
    ),
    "interval": (
        ("(0,1)", "(0,2)"), ("[0,1]", "[0,1)"), ("(0,1)", "[0,1]"), (r"(-\infty,2)", r"(-\infty,2]"),
        (r"(0,1)\cup(2,3)", "(0,3)"),
        ("x>3", r"x\ge3"), ("x>3", "x<3"), ("0<x<1", "0<x<2"), (r"(-\infty,2)", r"(2,\infty)"),
        (r"[1,\infty)", r"(-\infty,1]"), ("x>3", "y>4"),
        (r"x\ne 2", "x=2"), (r"(0,1)\cap(0,2)", r"(0,1)\cup(0,2)"), ("[0,1)", "(0,1]"),
    ),
    "matrix": (
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\3&5\end{pmatrix}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\3\end{pmatrix}"),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2&3&4\end{pmatrix}"),
        (r"\begin{pmatrix}1&0\\0&1\end{pmatrix}", r"\begin{pmatrix}1&0&0\\0&1&0\\0&0&1\end{pmatrix}"),
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "2"),
    ),
    "equation": (
        ("x=3", "y=3"), ("y=2x+1", "y=2x-1"), ("x=1,y=2", "x=2,y=1"), ("x+y=1", "x-y=1"), ("x=3", "x=4"),
        ("2x=6", "2x=8"), ("x=3", r"x\ne3"),
        ("y=x^2", "y=x^2+1"), ("x = 3 or x = 4", "x = 3"), ("f(x)=x", "f(x)=-x"), ("x=3", "x>3"), ("a=1,b=2", "a=1"),
    ),
    "unit": (
        (r"5\text{ m}", r"5\text{ cm}"), ("5 km", "5 miles"), ("5 dollars", "5 cents"), ("90", "9"),
        (r"3\text{ hours}", r"3\text{ minutes}"),
        (r"5\text{ cm}^2", r"5\text{ cm}^3"), ("18", r"\$1.8"), ("5 kg", "5 g"),
        (r"\$5", "£5"), (r"\$5", "¥5"), ("28 dollars", "$28$ euros"),
        ("1000", "1 thousand thousand"), ("17", "17 per thousand"), ("3:30", "3 30"),
        ("AB = 4", "AB = 5"), ("xy = 4", "4"), ("2024-03-17", "2024-17-03"),
        (r"\overline{A}", "A"), ("12 345", "(12, 346)"), ("0.12", r"12\%\%"),
    ),
    "percent": (
        ("0.5", r"0.5\%"), (r"50\%", r"5\%"), (r"12\%", r"1.2\%"), ("1/2", r"5\%"), (r"100\%", r"10\%"),
    ),
    "word": (
        ("Monday", "Tuesday"), ("yes", "no"), ("A", "B"), ("even", "odd"), ("prime", "not prime"),
        ("no solution", "one solution"),
        ("increasing", "decreasing"), ("True", "False"), ("(A)", "(B)"), ("Alice", "Bob"), ("isosceles", "equilateral"),
        ("2 apples", "two pears and 3 apples"),
        ("rational", "irrational"), ("I", "II"), ("possible", "impossible"), ("A, B", "A, C"),
        ("convergent", "divergent"), ("7", "seventy"),
    ),
    "notation": (
        ("1:2", "2:1"), ("3:4", "3:5"), ("101_2", "101_3"), ("101_2", "101"), ("6.02e23", "6.02e22"),
        (r"2\times10^3", r"2\times10^{-3}"),
        ("1e5", "1e6"), (r"3 \pmod 7", r"3 \pmod 5"), (r"\overline{AB}", r"\overline{AC}"), (r"\angle A", r"\angle B"),
        (r"p \land q", r"p \lor q"),
        ("H_2O", "H_2O_2"), (r"x \in A", r"x \notin A"), (r"A \subset B", r"B \subset A"),
        (r"\frac{dy}{dx}", r"\frac{dx}{dy}"), (r"\neg p", "p"),
    ),
    "nothing": (
        ("7", r"\text{}"), ("0", r"\emptyset"), ("0", r"\{\}"), ("0", "undefined"), (r"\infty", r"-\infty"),
        ("1", r"\text{none}"), ("0", "nan"),
    ),
}  # fmt: skip

POLICY: dict[str, Pairs] = {
    "name of an index": (
        (r"k\pi,k\in\mathbb{Z}", r"n\pi, n\in\mathbb{Z}"),
    ),
    "singular or plural": (
        ("no solutions", "no solution"),
    ),
    "left unevaluated": (
        (r"1+2+\cdots+n", r"\frac{n(n+1)}{2}"), (r"\int_0^1 x^2 dx", "1/3"), (r"\frac{d}{dx}x^2", "2x"),
        (r"17 \bmod 5", "2"),
    ),
    "real or principal root": (
        ("(-8)^{1/3}", "-2"),
    ),
    "letters as factors": (("AB", "BA"), (r"A\times B", r"B\times A")),
    "floating-point prints": (
        (r"\pi", "3.141592653589793"), ("1/3", "0.3333333333333333"), ("0.1+0.2", "0.30000000000000004"),
    ),
    "percent is its fraction": (
        ("0.5", r"50\%"), ("1/2", r"50\%"),
    ),
    "percent without the sign": (
        (r"50\%", "50"),
    ),
    "rounded": (
        ("1/3", "0.333"), (r"\pi", "3.14"), (r"\pi", "3.14159"), ("2/3", "0.6667"), (r"\sqrt2", "1.414"),
        ("0.333333", "1/3"),
    ),
    "order of a bare list": (
        ("10, 4, -2", "4, 10, -2"), ("1,2", "2,1"),
    ),
    "brackets of a list": (
        ("(1,2)", "[1,2]"), ("1,2", "(1,2)"), ("1,2", r"\{1,2\}"),
    ),
    "open interval or pair": (
        ("(0, 12.5)", "0 < x < 12.5"), ("(1,2)", r"\{x: 1<x<2\}"),
    ),
    "units converted": (
        (r"100\text{ cm}", r"1\text{ m}"), ("50 cents", r"\$0.50"), ("60 minutes", "1 hour"),
    ),
    "unit missing where it turns": (
        ("-5", "loss of 5"), ("6:00", "6 pm"),
    ),
    "exponent without braces": (
        ("2^10", "1024"), ("2^10", "20"),
    ),
    "domain": (
        (r"\frac{x^2-1}{x-1}", "x+1"), (r"\ln x^2", r"2\ln x"), (r"\sqrt{x^2}", "x"),
    ),
    "left to right": (
        ("1/2x", "x/2"), ("1/2x", r"\frac{1}{2x}"),
    ),
    "names": (
        ("b=1", "1"), ("f(x)=2x", "2x"), ("f(x)=2x", "y=2x"),
    ),
    "alternatives": (
        ("x=1 or x=2", r"\{1,2\}"), ("1 or 2", "1, 2"), (r"\pm 2", "2, -2"), (r"\pm 2", r"\{2,-2\}"),
    ),
    "ratio reduced": (
        ("1:2", "2:4"), ("1:2", "1/2"),
    ),
    "letter and value": (
        ("A", "A. 7"), ("7", "(C) 7"),
    ),
    "case of letters": ((r"\phi", r"\varphi"),
        ("x", "X"), (r"\text{Yes}", "YES"),
    ),
    "digits of another script": (
        ("7", "７"), ("12", "١٢"),
    ),
    "integration constant": (
        ("x^2", "x^2+C"),
    ),
    "degrees or radians": ((r"\tan^{-1}1", r"45^\circ"),
        (r"\sin 30^\circ", r"\sin 30"), (r"180^\circ", r"\pi"),
    ),
    "words for numbers": (
        ("7", "seven"), ("1/2", "half"),
    ),
    "repeating nines": (
        ("1", r"0.\overline{9}"),
    ),
    "German separators": (
        ("1234.5", "1.234,5"), ("0.5", "0,5"),
    ),
    "repeated elements": ((r"\{1,1,2\}", r"\{1,2\}"),),
    "spaces as separators": (
        ("1000", "1 000"), ("12 345 678", "12345678"),
    ),
}  # fmt: skip
"""Pairs on which published graders contradict one another: shown, and in no rate."""
