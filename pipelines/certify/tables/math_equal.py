"""Pairs of answers that are the same under every policy we know: the same value, or the same thing in another spelling.

Where a published grader once got a pair wrong, the class names the thread. Each pair is asked in both orders.
"""

from pipelines.certify.tables.math_alike import SAME_AFTER_ALL, Pairs

EQUAL: dict[str, Pairs] = {
    "same after all": SAME_AFTER_ALL,
    "integer": (
        ("16", "016"), ("7", "+7"), ("7", "7.0"), ("1000", "1,000"), ("1234567", "1,234,567"), ("1000", "1{,}000"),
        ("12345", r"12\,345"), ("1000000", "10^6"), ("1024", "2^{10}"), ("0", "-0"), ("100", "1e2"), ("-3", "−3"),
        ("0", "0.00"), ("10000", "10{,}000"), ("1000000", "1,000,000.00"), ("-12", "(-12)"), ("7", "--7"),
    ),
    "fraction": (
        ("1/2", r"\frac12"), (r"\frac{1}{2}", r"\dfrac{1}{2}"), (r"\frac{3}{4}", r"\tfrac{3}{4}"),
        ("-1/2", r"\frac{-1}{2}"), ("-1/2", r"\frac{1}{-2}"), (r"-\frac{1}{2}", "-1/2"), ("1/2", "3/6"), ("2", "4/2"),
        ("0.5", "1/2"), ("0.125", "1/8"), ("2.5", r"2\frac{1}{2}"), ("7/2", "3 1/2"), ("-7/2", r"-3\frac{1}{2}"),
        ("1.25", r"\frac{5}{4}"), (r"\frac{22}{7}", "22/7"), (r"\frac{a}{b}", "a/b"), (r"\frac{1}{3}", r"0.\overline{3}"),
        (r"\frac{\frac12}{3}", "1/6"), ("1/2004", r"\frac{1}{2004}"), (r"{1 \over 2}", "1/2"),
        (r"\frac{1,000}{3}", "1000/3"),
    ),
    "decimal": (
        ("0.5", ".5"), ("0.50", "0.5"), ("1.10", "1.1"), ("1e-3", "0.001"), (r"1.5 \times 10^3", "1500"),
        (r"2\cdot 10^{-2}", "0.02"), ("-.25", "-1/4"), ("0.1", r"\frac{1}{10}"), ("3.14", "314/100"),
        ("1,234.5", "1234.50"),
    ),
    "root": (
        (r"\sqrt{8}", r"2\sqrt{2}"), (r"\frac{1}{\sqrt2}", r"\frac{\sqrt2}{2}"), (r"\sqrt{12}+\sqrt{27}", r"5\sqrt{3}"),
        (r"\sqrt[3]{54}", r"3\sqrt[3]{2}"), (r"\sqrt{4}", "2"), (r"(\sqrt5)^2", "5"), (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2"),
        (r"\frac{1}{\sqrt3-1}", r"\frac{\sqrt3+1}{2}"), ("2^{1/2}", r"\sqrt2"),
        (r"\sqrt{\frac{1}{2}}", r"\frac{\sqrt{2}}{2}"),
        (r"\sqrt{50}", r"5\sqrt2"), (r"\sqrt2\sqrt3", r"\sqrt6"), (r"8^{1/3}", "2"),
        (r"\sqrt{1/n}", r"\frac{1}{\sqrt{n}}"),
        (r"(1+\sqrt5)/2", r"\frac{1+\sqrt{5}}{2}"), (r"\sqrt{2}+\sqrt{3}", r"\sqrt3+\sqrt2"),
    ),
    "constant": (
        (r"\pi/2", r"\frac{\pi}{2}"), (r"\frac{2\pi}{3}", r"\frac{2}{3}\pi"), ("e^{16}-1", "-1+e^{16}"),
        (r"-2\pi", r"-2*pi"),
        (r"\ln e", "1"), (r"\cos\pi", "-1"), (r"\sin 30^\circ", "1/2"), (r"\sin(\pi/6)", "0.5"), (r"\log_2 8", "3"),
        (r"\ln 8", r"3\ln 2"), (r"\tan\frac{\pi}{4}", "1"), (r"\arctan 1", r"\frac{\pi}{4}"), (r"\log_{10} 1000", "3"),
        (r"2\ln 3", r"\ln 9"), (r"\cos^2 1+\sin^2 1", "1"), ("e^{16} - 1", "-1 + exp(16)"), (r"e^{\ln 5}", "5"),
    ),
    "algebra": (
        ("(x+1)^2", "x^2+2x+1"), ("x(x-1)", "x^2-x"), ("a+b", "b+a"), ("2(x+y)", "2x+2y"), ("x^2-y^2", "(x-y)(x+y)"),
        ("-(x-1)", "1-x"), (r"\frac{x}{2}", "0.5x"), ("3xy", "3yx"), (r"x\cdot y", "xy"), ("x^{-1}", r"\frac1x"),
        ("2x", "x*2"), ("x^2+2x+1", "1+x^2+2*x"), (r"\frac{x+y}{2}", r"\frac{x}{2}+\frac{y}{2}"),
        ("(a+b)^3", "a^3+3a^2b+3ab^2+b^3"),
        (r"\sin 2x", r"2\sin x\cos x"), (r"\sin^2 x", r"1-\cos^2 x"), ("2^{n+1}", r"2\cdot 2^n"),
        (r"\frac{n(n+1)}{2}", "(n^2+n)/2"),
        (r"\tan x", r"\frac{\sin x}{\cos x}"), ("x^{1/2}", r"\sqrt{x}"), ("e^{a+b}", "e^a e^b"), ("(x^2)^3", "x^6"),
    ),
    "complex": (
        ("1+i", "i+1"), (r"\frac{1}{i}", "-i"), ("(1+i)^2", "2i"), ("3+4i", "4i+3"), ("i^2", "-1"), (r"\sqrt{-4}", "2i"),
        ("14 - i", "14.0 - 1.0i"), (r"\frac{2}{1+i}", "1-i"),
    ),
    "counting": (
        ("5!", "120"), (r"\binom{5}{2}", "10"), (r"\binom{10}{3}", "120"), (r"\frac{8!}{6!}", "56"),
        ("2^{100}", r"4^{50}"),
        ("2^{100}", "1267650600228229401496703205376"), ("10!", "3628800"), (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"),
    ),
    "tuple": (
        ("(1,2)", "(1, 2)"), (r"\left(1,2\right)", "(1,2)"), ("(1/2, 3)", "(0.5,3)"), (r"(\sqrt8, 0)", r"(2\sqrt2, 0)"),
        ("(1,2,3)", "( 1 , 2 , 3 )"), (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"), ("1,2,3", "1, 2, 3"),
    ),
    "set": (
        (r"\{1,2\}", r"\{2,1\}"), (r"\{1,2,3\}", r"\{3,2,1\}"), (r"\left\{1,2\right\}", r"\{1, 2\}"),
        (r"\{1/2\}", r"\{0.5\}"), (r"\{a,b\}", r"\{b,a\}"), (r"\emptyset", r"\varnothing"),
    ),
    "interval": (
        ("[0,1)", "[0, 1)"), (r"(-\infty, 3]", r"(-\infty,3]"),
        (r"(-\infty,0)\cup(0,\infty)", r"(0,\infty)\cup(-\infty,0)"),
        ("x>3", "3<x"), ("x > 3", r"(3,\infty)"), (r"x\ge 2", r"[2,\infty)"),
        (r"m \geq \sqrt{2}", r"m \in [\sqrt{2}, +\infty)"),
        (r"[0.5, 1]", r"\left[\frac12, 1\right]"), (r"x \geq 2", r"2 \leq x"), (r"x\le 2", r"x \leqslant 2"),
    ),
    "matrix": (
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}"),
        (r"\begin{pmatrix}1/2&0\\0&1\end{pmatrix}", r"\begin{pmatrix}0.5&0\\0&1\end{pmatrix}"),
        (r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        (r"\begin{pmatrix}-1&\frac{1}{2}\end{pmatrix}", r"\begin{pmatrix}-1&1/2\end{pmatrix}"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\0\end{pmatrix}+\begin{pmatrix}0\\2\end{pmatrix}"),
        (r"\begin{pmatrix}3\\4\end{pmatrix}", r"\begin{pmatrix}3&0\\0&2\end{pmatrix}\begin{pmatrix}1\\2\end{pmatrix}"),
    ),
    "equation": (
        ("x=3", "3"), ("x = 3", "x=3"), ("y=2x+1", "y = 1 + 2x"), ("2x+4y=6", "x+2y=3"), ("x=1,y=2", "x = 1, y = 2"),
        ("2x+4y-3=0", "y = -1/2*x + 3/4"), (r"x = \frac12", "0.5"), ("a = b + c", "b + c = a"), ("AB = 4", "4"),
        ("|AB| = 4", "4"), (r"\overline{AB} = 4", "4"), (r"V_1:V_2 = 11:21", "11:21"),
        (r"x = \frac13 \approx 0.33", r"\frac13"),
        ("y=2x+1", "2x-y+1=0"),
    ),
    "unit": (
        ("18", r"\$18"), ("18", "$18"), ("18", r"18\text{ dollars}"), ("5", r"5\text{ cm}"), ("90", r"90^\circ"),
        ("12", "12 apples"),
        (r"36\pi", r"36\pi\text{ cm}^2"), (r"5\text{ cm}", r"5\,\mathrm{cm}"), (r"5 \text{ hours}", "5 h"),
        ("1,250", r"\$1,250.00"), (r"28\%", "28 per cent"),
        ("14 {, }916", "14916"), ("3:45 pm", "3:45 p.m."), ("3 1/2", "3 + 1/2"),
    ),
    "word": (
        ("Monday", r"\text{Monday}"), ("yes", "Yes"), (r"\text{even}", "even"),
        (r"\text{13}", "13"),
        (r"\text{A}", "A"), (r"\text{(A)}", "A"), ("(B)", "B"), ("no solution", r"\text{no solution}"),
        ("True", r"\text{True}"),
    ),
    "layout": (
        (r"\displaystyle\frac{1}{2}", "1/2"), (r"7\!", "7"), ("7", "$7$"), ("7", r"\(7\)"), ("7", "7."), ("7", "{7}"),
        ("7", r"\mathbf{7}"),
        ("7", r"\text{7}"), ("7", r"7\quad"), ("7", r"\ 7"), ("7", "\n7\n"), ("7", r"\mathrm{7}"), ("7", r"\textbf{7}"),

        (r"\left(\frac{1}{2}\right)", "1/2"), (r"\large 7", "7"), ("7", r"\boxed{7}"), ("7", r"7\;"),
    ),
    "unicode": (
        ("½", "1/2"), ("√2", r"\sqrt{2}"), ("π", r"\pi"), ("3×4", "12"), ("−1", "-1"), ("x²", "x^2"), ("∞", r"\infty"),
        ("45°", r"45^\circ"), ("2·3", "6"), ("π/2", r"\frac{\pi}{2}"), ("6÷2", "3"), ("7", "7\u00a0"),
        ("1\u202f000", "1000"), ("–5", "-5"), ("－5", "-5"), ("１７", "17"),
    ),
    "value": (
        ("|-3|", "3"), (r"\lfloor 2.7\rfloor", "2"), (r"\lceil 2.1\rceil", "3"), ("1+2+3", "6"),
        (r"\sum_{k=1}^{4} k", "10"),
        (r"3\cdot 4", "12"), ("2^3", "8"), ("(-2)^3", "-8"), ("-2^2", "-4"), ("6/2", "3"),
        (r"\left|-\frac12\right|", "0.5"), ("10^{-2}", "0.01"),
    ),
}  # fmt: skip

SELF = (
    r"\frac{1}{2004!}", r"\sum_{k=0}^{n-1} F_k F_{n-k-1}", r"1, 2, \ldots, n", r"1:2:3:\ldots", "12:00", r"\pm 2021",
    r"O(\log \log n)",
    r"f(x)=x^2+c", r"\int_0^1 x^2\,dx", r"\lim_{x\to 0}\frac{\sin x}{x}", r"\overrightarrow{AB}", r"\angle ABC",
    r"p \land q",
    "The triangle is isosceles", r"x \equiv 3 \pmod 7", r"\text{Alice, Bob}", r"101_2", r"\overline{abc}", "a_1 + a_2",
    r"f^{-1}(x)",
    r"\triangle ABC \sim \triangle DEF", r"y = Ce^{kx}", r"\begin{cases} x & x>0 \\ 0 & x\le 0 \end{cases}",
    r"2\times 3 \text{ grid}", "C_6H_{12}O_6",
)  # fmt: skip
"""Answers that nobody need understand: each equals itself (one grader calls 88 of 900 references unlike themselves)."""
