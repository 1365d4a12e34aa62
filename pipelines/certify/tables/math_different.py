"""Pairs of answers that are different under every policy we know. Each is asked in both orders.

Classes named after a thread hold pairs that a published grader called equal. `numerics` differ only far behind the comma.
"""

from pipelines.certify.tables.math_equal import Pairs

DIFFERENT: dict[str, Pairs] = {
    "alike": (
        (r"\frac{1}{2}x", r"\frac{1}{2x}"), ("2^{3^2}", "(2^3)^2"), ("2^{3^2}", "64"), (r"\sqrt{2}x", r"\sqrt{2x}"),
        (r"\frac12 3", "1/23"), ("1.5", "1,5"), ("10,000", "10.000"), ("0.1", "0,1"), (r"\log x^2", r"(\log x)^2"),
        (r"\sin^{-1} x", r"\frac{1}{\sin x}"), (r"\sin x^{-1}", r"\arcsin x"), ("f^{-1}(x)", "1/f(x)"),
        (r"\cos 2x", r"\cos^2 x"), ("e^x", "x^e"), ("|x-1|", "x-1"), (r"\arctan(\tan x)", "x"),
        (r"\{x \mid x>3\}", r"\{x \mid x\ge 3\}"), (r"\mathbb{R}", r"\mathbb{Q}"),
        (r"\mathbb{R}\setminus\{0\}", r"\mathbb{R}"), ("(0,1)", "[0,1)"), (r"(-\infty,\infty)", r"(0,\infty)"),
        (r"\{1,2\}", r"\{12\}"), ("1, 2 and 3", "1, 2"), ("1/2, 1/3", "1/23"), (r"(1,2)\cup(3,4)", "(1,4)"),
        (r"x<1 \text{ or } x>2", "1<x<2"), ("x<1 or x>2", "x>1 or x<2"), ("y=2", "x=2"), ("x=2, y=3", "x=3, y=2"),
        ("(x,y)=(1,2)", "(y,x)=(1,2)"), ("a=1,b=2", "b=1,a=2"), ("x+1=0", "x-1=0"), ("x^2+y^2=1", "x^2+y^2=2"),
        ("x^2+y^2=1", "x^2-y^2=1"), ("y=x", "y=-x"), ("x=1", "x^2=1"), ("y=x", "y^2=x^2"), ("x=0", "x^2=0"),
        ("(x-1)(x-2)=0", "x-1=0"), ("xy=0", "x=0"), (r"2\pi", "2"), (r"2\pi", r"\pi^2"), (r"\pi", "p"), ("i", "1i+1"),
        ("e", "E"), (r"\phi", r"\Phi"), (r"\alpha", r"\beta"), (r"\varphi", r"\psi"), ("3!", "3"), ("3!!", "3!"),
        ("3!!", "(3!)!"), ("-3!", "(-3)!"), ("n!^2", "(n^2)!"), (r"\binom{n}{k}", r"\binom{k}{n}"),
        (r"\binom{n}{k+1}", r"\binom{n}{k}+1"), ("5 mod 3", "5"), (r"7 \bmod 5", r"7 \bmod 4"), ("1 mod 7", "8"),
        (r"x \equiv 1 \pmod 4", r"x \equiv 1 \pmod 3"), (r"\lfloor 3.7\rfloor", "4"), (r"\max(a,b)", r"\min(a,b)"),
        (r"\gcd(4,6)", r"\operatorname{lcm}(4,6)"), (r"\vec{a}", r"\vec{b}"), (r"\overline{AB}", "AB+1"), (r"\bar{x}", "x"),
        (r"\hat{x}", "x"), ("x'", "x"), ("x''", "x'"), (r"\dot{x}", r"\ddot{x}"), ("x_{12}", "x_1 2"), ("a_{n+1}", "a_n+1"),
        ("a_{n-1}", "a_n-1"), (r"3^\circ", "3'"), (r"30^\circ 15'", r"30.15^\circ"), ("2:30", "2.30"),
        ("2:30 pm", "2:30 am"), ("12 noon", "12 midnight"), ("7 am", "7 pm"), ("1:1", "1:2"), ("$3.50", "$3.05"),
        (r"\$5", r"5\%"), ("1/4", "25"), ("0.25", "25"), ("3 dozen", "3"), ("3 million", "3 thousand"),
        ("3 million", "3,000"), ("2 feet 3 inches", "2.3 feet"), ("May 5", "May 6"), ("Tuesday", "Thursday"),
        ("1st", "2nd"), ("first", "second"), ("10 to 1", "1 to 10"), ("2 hours 30 minutes", "2 hours"),
        ("2 h 30 min", "2.3 h"), ("twenty", "twelve"), ("Yes, because 3", "No, because 3"), ("x is even", "x is odd"),
        ("no", "not no"), ("none", "all"), ("greater", "less"), ("at least 3", "at most 3"), ("more than 3", "3"),
        ("less than 3", "3"), ("about 3", "4"), ("A", "AB"), ("(A) and (B)", "(A)"), (r"\text{A}", r"\text{a}b"),
        ("I and II", "I"), ("1 and 2", "1"), ("I", "1"), (r"0.\overline{12}", r"0.1\overline{2}"),
        (r"0.\overline{9}", "0.9"), (r"1.\overline{3}", "1.3"), (r"0.1\dot{6}", "0.16"),
        (r"1\frac{1}{2}", r"1\cdot\frac{1}{2}"), ("1 1/2", "11/2"), ("2 3", "6"), ("2 3", "23"), ("2(3)", "23"),
        ("-1 1/2", "-1/2"), (r"-1\frac12", "-0.5"), ("10^{-3}", "10^{3}"), ("1.2e3", "1.2"), (r"1.2\times10^{3}", "1.2"),
        (r"1.2\times10^{3}", r"1.2\times10^{30}"), (r"6\cdot 10^{23}", r"6.1\cdot 10^{23}"), ("111_2", "111"),
        ("1010_2", "10_2"), ("0x10", "10"), ("FF_{16}", "15"), ("12_3", "12_4"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)"),
        (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
        (r"2\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"), (r"\frac{dy}{dx}=2x", "dy=2x"),
        (r"\int x dx", r"\int y\,dx"), (r"\int_0^1 f", r"\int_1^0 f"), (r"\sum_{i=1}^n i", r"\sum_{i=0}^n (i+1)"),
        (r"\lim_{x\to 0^+} f(x)", r"\lim_{x\to0^-}f(x)"), (r"\prod_{i=1}^n a_i", r"\prod_{i=1}^n b_i"),
        (r"\forall x", r"\exists x"), (r"p\to q", r"q\to p"), (r"p\iff q", r"p\implies q"), (r"A\cap B", r"A\cup B"),
        (r"A\setminus B", r"B\setminus A"), (r"x\in A", r"A\in x"), (r"a\mid b", r"b\mid a"),
        (r"a\perp b", r"a\parallel b"), (r"\angle ABC", r"\angle ACB"), (r"\triangle ABC", r"\triangle ABD"),
        (r"a\sim b", r"a\approx c"), ("CO_2", "CO"), ("H_2O", "H2O2"), ("3x^2y", "3xy^2"), ("2ab", "2a+b"), ("a^b", "b^a"),
        ("a-b-c", "a-(b-c)"), ("a-b+c", "a-(b+c)"), ("-a^2", "(-a)^2"), ("-(a+b)", "-a+b"), ("(a+b)/c", "a+b/c"),
        (r"\sqrt[n]{x}", r"\sqrt{x^n}"), (r"\sqrt[4]{16}", "4"), (r"x^{\frac{1}{3}}", "x^{3}"),
        (r"\sqrt{a+b}", r"\sqrt{a}+\sqrt{b}"), (r"\sqrt{a^2+b^2}", "a+b"), (r"\frac{a+b}{c+d}", r"\frac{a}{c}+\frac{b}{d}"),
        (r"\log(a+b)", r"\log a+\log b"), (r"\log_a b", r"\log_b a"), (r"\ln(ab)", r"\ln a \ln b"),
        (r"\sin(a+b)", r"\sin a+\sin b"), ("(a+b)^n", "a^n+b^n"), (r"\frac{\ln a}{\ln b}", r"\ln\frac{a}{b}"),
        ("e^{a}e^{b}", "e^{ab}"), ("|a+b|", "|a|+|b|"), ("100!/98!", "9901"), ("2^{64}", "18446744073709551615"),
        (r"7 \text{ or } -7", "7"), (r"\pm\sqrt{2}", r"\sqrt2"), (r"\pm 1, \pm 2", r"\pm 1"), (r"\mp 3", "3"),
        (r"2\pm i", "2+i"), (r"k\pi", r"\pi"), (r"2k\pi", r"k\pi"), (r"\frac{\pi}{4}+k\pi", r"\frac{\pi}{4}+2k\pi"),
        (r"x=k\pi, k\in\mathbb{Z}", r"x=2k\pi, k\in\mathbb{Z}"), ("3n+1", "3n+2"), ("n^2+n", "n^2-n"),
    ),
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
