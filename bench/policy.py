"""The cost of one decision and of parsing as a policy grows, beside a plain scan, in one run.

A decision at 10,000 rules takes at most 1.5 times what it takes with the 175 as deployed, and
parsing grows linearly. Every number is processor time, the least of batches taken in turns: what
the machine does besides can only add to it. Ends with 1 when a ratio is above its bound.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from components.boundary import Policy, PolicyRule, Rule, build_policy
from components.boundary.rule import parsed
from components.boundary.url import UrlError, parse

MANY = 10_000
REQUESTS = 2000
BATCHES = 9
SCANNED = 40
BOUND = 1.5
LINEAR = 1.5
Case = tuple[Policy, list[str]]


def policy(texts: Sequence[str]) -> Policy:
    return Policy([PolicyRule(Rule.parse(text), "bench", "measured") for text in texts])


def indexed(texts: Sequence[str]) -> None:
    """Parse the rules and make their index, which the first decision does."""
    parsed.cache_clear()
    policy(texts).decide("GET", "https://example.com/")


def urls(one: Callable[[int], str]) -> list[str]:
    """Every other URL is one character longer, which rules with an exact path deny."""
    step = MANY // REQUESTS
    return [one(i * step) + ("" if i % 2 else "x") for i in range(REQUESTS)]


def cases() -> dict[str, Case]:
    shipped = build_policy(
        ["summit-2026"], coder_host="coder.example.com", gitlab_hosts=["gitlab.example.com"]
    )
    named = [entry.rule.host.replace("*", "a") for entry in shipped]
    numbers = range(MANY)
    return {
        "as deployed, 175 rules": (
            shipped,
            urls(lambda i: f"https://{named[i % len(named)]}/v2/{i}"),
        ),
        "10,000 hosts": (
            policy([f"domain=h{i}.example.com" for i in numbers]),
            urls(lambda i: f"https://h{i}.example.com/v2/{i}"),
        ),
        "10,000 paths on one host": (
            policy([f"domain=one.example.com path=/v2/p{i}" for i in numbers]),
            urls(lambda i: f"https://one.example.com/v2/p{i}"),
        ),
        "10,000 wildcard domains": (
            policy([f"domain=*.h{i}.example.com" for i in numbers]),
            urls(lambda i: f"https://a.h{i}.example.com/v2/{i}"),
        ),
        "10,000 paths on one wildcard": (
            policy([f"domain=*.example.com path=/v2/p{i}/*" for i in numbers]),
            urls(lambda i: f"https://a.example.com/v2/p{i}/x"),
        ),
        "10,000 methods on one host": (
            policy([f"method=M{i} domain=one.example.com" for i in numbers]),
            urls(lambda i: f"https://one.example.com/v2/{i}"),
        ),
    }


def scan(rules: Policy, method: str, url: str) -> bool:
    """Decide by looking at one rule after another, as Boundary does."""
    try:
        target = parse(url)
    except UrlError:
        return False
    labels, segments = target.labels, target.segments
    return any(
        entry.rule.matches_method(method)
        and entry.rule.matches_host(labels)
        and entry.rule.matches_path(segments)
        for entry in rules
    )


def seconds(action: Callable[[], object]) -> float:
    # As timeit does: the collector's passes depend on what else is in memory.
    gc.collect()
    gc.disable()
    try:
        started = time.process_time()
        action()
        return time.process_time() - started
    finally:
        gc.enable()


def least(actions: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    for action in actions.values():
        action()
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(BATCHES):
        for name, action in actions.items():
            taken[name].append(seconds(action))
    return {name: min(values) for name, values in taken.items()}


def deciding(case: Case) -> Callable[[], object]:
    rules, requests = case
    return lambda: [rules.decide("GET", url) for url in requests]


def main() -> int:
    """Print every ratio; return 1 when one is above its bound."""
    measured = cases()
    taken = least({name: deciding(case) for name, case in measured.items()})
    floor = next(iter(taken.values()))
    worst = 0.0
    for name, (rules, requests) in measured.items():
        sample = requests[:: REQUESTS // SCANNED]
        scanned = seconds(lambda r=rules, s=sample: [scan(r, "GET", url) for url in s])
        ratio, each = taken[name] / floor, taken[name] / REQUESTS
        worst = max(worst, ratio)
        sys.stdout.write(
            f"{name:<30} {each * 1e6:6.1f} us {ratio:5.2f} times the catalogue, at most {BOUND};"
            f" a plain scan {scanned / len(sample) / each:8.1f} times\n"
        )
    texts = measured["10,000 hosts"][0].texts
    parsing = least({str(n): partial(indexed, texts[:n]) for n in (MANY // 10, MANY)})
    growth = parsing[str(MANY)] / parsing[str(MANY // 10)] / 10
    sys.stdout.write(
        f"{'parsing 10,000 rules':<30} {parsing[str(MANY)] * 1e3:6.1f} ms {growth:5.2f} times"
        f" linear from 1,000, at most {LINEAR}\n"
    )
    return 0 if worst <= BOUND and growth <= LINEAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
