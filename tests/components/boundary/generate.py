"""Random rules, policies and requests that often meet: requests are mutated from the rules."""

from random import Random

from components.boundary import Policy, PolicyRule, Rule

LABELS = ("a", "b", "com", "x-1", "1", "GitHub", "127", "0")
SEGMENTS = ("a", "b", "", "A", "a%20b", "a%2Fb", "c:d", "e@f", "..", "a b", "é", "%41")
METHODS = ("GET", "POST", "HEAD", "get", "PATCH", "M-SEARCH")
SCHEMES = ("https://", "http://", "", "HTTPS://", "//", "ftp://", "://", "1a://", "mailto:")
PORTS = ("", ":443", ":", ":8443", ":x", ":1:2", ":%34")
USERS = ("", "u@", "u:p@", "u@v@", "a.com@", "%zz@", "ü@", "@")
TAILS = ("", "?q=/a", "?", "#f", "#%zz", "#", "?%zz", "?a#b?c", "/", "//", "%", "%2F", "\n", "*")
HOSTS = ("[::1]", "[fe80::1%25eth0]", "[::1", "bücher.de", "xn--bcher-kva.de", "127.0.0.1", "")
HOSTS += ("a%2ecom", "%c3%bc.com", "a b.com", "a_b.com", "a..com", ".com", "com", "*", "a.com.")


def rule(random: Random) -> str:
    keys = []
    if random.random() < 0.4:
        methods = random.choices((*METHODS, "*"), k=random.choice((1, 1, 2)))
        keys.append("method=" + ",".join(methods))
    if random.random() < 0.93:
        labels = random.choices((*LABELS, "*", "*"), k=random.choice((0, 1, 1, 2, 3)))
        last = random.choice(LABELS) if labels else random.choice((*LABELS, "*"))
        keys.append("domain=" + ".".join([*labels, last]))
    if random.random() < 0.5 or not keys:
        patterns = ["/" + "/".join(pattern(random)) for _ in range(random.choice((1, 1, 2, 3)))]
        patterns = [text + "/" * (text != "/" and random.random() < 0.1) for text in patterns]
        keys.append("path=" + ",".join(patterns))
    random.shuffle(keys)
    return " ".join(keys)


def pattern(random: Random) -> list[str]:
    writable = [segment for segment in SEGMENTS if segment not in ("", "a b", "é")]
    return random.choices((*writable, "*", "*"), k=random.choice((0, 1, 1, 2, 3)))


def texts(random: Random, most: int = 8) -> list[str]:
    return [rule(random) for _ in range(random.randint(1, most))]


def policy(rules: list[str]) -> Policy:
    return Policy([PolicyRule(Rule.parse(text), "test", "a test") for text in rules])


def request(random: Random, rules: list[str]) -> tuple[str, str]:
    """Return a method and a URL, mostly one that a rule allows, then up to two changes."""
    known = Rule.parse(random.choice(rules))
    method = random.choice((*known.methods, *METHODS[:2])).replace("*", "DELETE")
    labels = [random.choice(LABELS) if label == "*" else label for label in known.labels]
    segments = list(random.choice(known.paths or ((),)))
    segments = [random.choice(SEGMENTS) if part == "*" else part for part in segments]
    scheme, user, port, tail = "https://", "", "", ""
    host = ".".join(labels or [random.choice(LABELS)])
    path = "/" + "/".join(segments)
    for _ in range(random.choice((0, 1, 1, 2))):
        match random.randrange(12):
            case 0:
                scheme = random.choice(SCHEMES)
            case 1:
                user = random.choice(USERS)
            case 2:
                port = random.choice(PORTS)
            case 3:
                tail = random.choice(TAILS)
            case 4:
                host = random.choice(LABELS) + "." + host
            case 5:
                host = host.partition(".")[2]
            case 6:
                host = random.choice((host.upper(), host.swapcase(), host + ".", "." + host))
            case 7:
                host = random.choice(HOSTS)
            case 8:
                path += "/" + random.choice(SEGMENTS)
            case 9:
                path = path.rpartition("/")[0]
            case 10:
                path = random.choice(
                    (path.upper(), path + "/", "/" + path, path.replace("a", "%61"))
                )
            case 11:
                method = random.choice((*METHODS, method.lower(), ""))
    return method, scheme + user + host + port + path + tail
