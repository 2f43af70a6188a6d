"""Makes a trace of many functions like that of Azure in 2019: a row for each function, a column for each minute of a day.

    python examples/python/made_fleet.py 46000 > fleet.csv

The shares are those published in M. Shahrad et al., "Serverless in the Wild", USENIX ATC 2020, section 3: 45 % of the
applications are called at most once an hour, 81 % at most once a minute, and the other 19 % have 99.6 % of all calls.
Rates go from 1e-5 to 100 a second: evenly on a logarithmic scale up to one a minute, above with a bounded Pareto tail of
1/2, by which 46,000 functions have some 1e9 calls a day. A third of the functions are timers, a third follow the day, a
third come in bursts.
"""

import sys

import numpy

MINUTES = 1440
LEAST, HOURLY, MINUTELY, MOST = 1e-5, 1 / 3600, 1 / 60, 100.0


def rate(u):
    """The rate [1/s] that the share u of the functions do not exceed."""
    if u < 0.45:
        return LEAST * (HOURLY / LEAST) ** (u / 0.45)
    if u < 0.81:
        return HOURLY * (MINUTELY / HOURLY) ** ((u - 0.45) / 0.36)
    # P(rate > x) ~ x^(-1/2) from once a minute to the most.
    low, high = MINUTELY**-0.5, MOST**-0.5
    return (low - (u - 0.81) / 0.19 * (low - high)) ** -2


def timer(a_minute, draw):
    """A call when the sum of its beats passes a whole number."""
    beats = numpy.floor(a_minute * numpy.arange(MINUTES + 1) + draw.random())
    return numpy.diff(beats).astype(int)


def day(a_minute, draw):
    """A wave of a day."""
    wave = 1 + 0.8 * numpy.sin(2 * numpy.pi * (numpy.arange(MINUTES) / MINUTES + draw.random()))
    return draw.poisson(a_minute * wave)


def bursts(a_minute, draw):
    """On for a tenth of the time, ten minutes long in the mean."""
    is_on, at, on = draw.random() < 0.1, 0, numpy.zeros(MINUTES, bool)
    while at < MINUTES:
        length = draw.geometric(1 / 10 if is_on else 1 / 90)
        on[at : at + length] = is_on
        at, is_on = at + length, not is_on
    # No function is called more than 100 times a second.
    return draw.poisson(numpy.minimum(a_minute * numpy.where(on, 9.1, 0.1), 60 * MOST))


def main():
    functions = int(sys.argv[1]) if len(sys.argv) > 1 else 46_000
    draw = numpy.random.default_rng(1)
    out = sys.stdout
    out.write("HashOwner,HashApp,HashFunction,Trigger," + ",".join(str(i) for i in range(1, MINUTES + 1)) + "\n")
    for function in range(functions):
        # The golden ratio spreads the shares evenly over any number of functions, and over any part of them.
        u = (function + 0.5) * 0.6180339887498949 % 1
        kind = draw.integers(3)
        counts = (timer, day, bursts)[kind](60 * rate(u), draw)
        name = f"owner{function % 97},app{function % 997},f{function:05},{('timer', 'http', 'queue')[kind]}"
        out.write(name + "," + ",".join(map(str, counts.tolist())) + "\n")


if __name__ == "__main__":
    main()
