"""Laws of physics, chemistry, biology and finance that textbooks have, as expressions of SymPy over single letters.

No letter stands for a constant of the reader of formulas (e, i), and no law has one letter as small and as capital.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Law:
    """`target` = `expression`; `symbols` says what each letter is."""

    name: str
    domain: str
    target: str
    expression: str
    symbols: Mapping[str, str]

    def __hash__(self) -> int:
        return hash(self.name)


def _law(name: str, domain: str, equation: str, quantities: str) -> Law:
    """A law from `F = m*a` and `F force, m mass, a acceleration`."""
    target, _, expression = equation.partition(" = ")
    symbols = dict(part.split(" ", 1) for part in quantities.split(", "))
    return Law(name, domain, target, expression, MappingProxyType(symbols))


LAWS: tuple[Law, ...] = tuple(
    _law(*row)
    for row in (
        ("gravity", "mechanics", "F = g*m*n/r**2", "F force, g constant of gravity, m mass, n other mass, r distance"),
        ("kinetic", "mechanics", "K = m*v**2/2", "K kinetic energy, m mass, v speed"),
        ("pendulum", "mechanics", "T = 2*pi*sqrt(l/g)", "T period, l length, g acceleration of fall"),
        ("ideal_gas", "thermodynamics", "p = n*R*T/V", "p pressure, n amount, R gas constant, T temperature, V volume"),
        ("coulomb", "electricity", "F = k*q*b/r**2", "F force, k constant, q charge, b other charge, r distance"),
        ("lens", "optics", "f = a*b/(a + b)", "f focal length, a distance of the object, b distance of the image"),
        ("resistors", "electricity", "r = 1/(1/a + 1/b + 1/c)", "r resistance of all, a first one, b second, c third"),
        ("fall", "mechanics", "s = v*t + a*t**2/2", "s way, v first speed, t time, a acceleration"),
        ("lorentz", "electricity", "F = q*(u + v*B)", "F force, q charge, u electric field, v speed, B magnetic field"),
        ("centripetal", "mechanics", "F = m*v**2/r", "F force, m mass, v speed, r radius"),
        ("escape", "mechanics", "v = sqrt(2*g*m/r)", "v speed of escape, g constant of gravity, m mass, r radius"),
        ("photon", "quantum", "W = h*c/l", "W energy, h Planck constant, c speed of light, l wavelength"),
        ("spring_energy", "mechanics", "W = k*x**2/2", "W energy, k stiffness, x stretch"),
        ("capacitor", "electricity", "C = a*b/s", "C capacity, a permittivity, b area, s distance of plates"),
        ("power", "electricity", "p = u**2/r", "p power, u voltage, r resistance"),
        (
            "doppler",
            "waves",
            "f = g*(c + v)/(c + w)",
            "f heard frequency, g sent one, c speed of sound, v hearer, w source",
        ),
        ("depth", "fluids", "p = a + r*g*h", "p pressure, a pressure above, r density, g acceleration of fall, h depth"),
        ("bernoulli", "fluids", "p = a + r*v**2/2", "p total pressure, a static pressure, r density, v speed"),
        ("heat", "thermodynamics", "Q = c*m*(t + s)", "Q heat, c heat capacity, m mass, t warming, s later warming"),
        ("radiation", "thermodynamics", "P = a*b*T**4", "P power, a Stefan constant, b area, T temperature"),
        ("moving_mass", "relativity", "m = a/sqrt(1 - (v/c)**2)", "m moving mass, a mass at rest, v speed, c light speed"),
        ("interest", "finance", "A = p*(1 + r)**n", "A amount, p principal, r rate, n years"),
        ("decay", "nuclear", "n = a*exp(-k*t)", "n remaining atoms, a atoms at first, k decay constant, t time"),
        (
            "gas_work",
            "thermodynamics",
            "W = n*T*log(v/u)",
            "W work over the gas constant, n amount, T heat, v last volume, u first",
        ),
        ("torque", "mechanics", "M = r*F*sin(a)", "M torque, r arm, F force, a angle"),
        ("rocket", "mechanics", "v = u*log(m/n)", "v gained speed, u exhaust speed, m first mass, n last mass"),
        ("spring_period", "mechanics", "T = 2*pi*sqrt(m/k)", "T period, m mass, k stiffness"),
        ("reduced_mass", "mechanics", "u = m*n/(m + n)", "u reduced mass, m mass, n other mass"),
        ("pipe", "fluids", "Q = pi*p*r**4/(8*v*l)", "Q flow, p pressure drop, r radius, v viscosity, l length"),
        (
            "slit",
            "optics",
            "l = a*x/s",
            "l wavelength, a width of the slit, x distance of fringes, s distance of the screen",
        ),
        ("drag", "fluids", "F = c*r*a*v**2/2", "F drag, c coefficient, r density, a area, v speed"),
        ("throw", "mechanics", "s = v**2*sin(2*a)/g", "s range, v speed, a angle, g acceleration of fall"),
        ("michaelis", "biology", "v = u*s/(k + s)", "v rate, u largest rate, s concentration, k half-rate concentration"),
        ("transformer", "electricity", "v = u*n/m", "v second voltage, u first voltage, n second turns, m first turns"),
        ("wire", "electricity", "F = B*l*c*sin(a)", "F force, B magnetic field, l length, c current, a angle"),
        ("bridge", "electricity", "x = r*a/b", "x unknown resistance, r known one, a first ratio arm, b second"),
        (
            "conduction",
            "thermodynamics",
            "P = k*a*(t + s)/l",
            "P power, k conductivity, a area, t inner rise, s outer drop, l thickness",
        ),
        (
            "collision",
            "mechanics",
            "w = (m*u + n*v)/(m + n)",
            "w speed of both, m mass, u its speed, n other mass, v its speed",
        ),
        ("growth", "biology", "p = a*exp(r*t)", "p population, a first population, r rate, t time"),
        ("dilution", "chemistry", "c = a*v/w", "c last concentration, a first one, v first volume, w last volume"),
    )
)
