#!/usr/bin/env python3
"""Puts the histories of Jepsen's own tests of its kafka checker before `harrow check`.

Reads `jepsen/test/jepsen/tests/kafka_test.clj` of a copy of jepsen-io/jepsen, evaluates as much of Clojure as these
tests use up to where they ask the checker, writes each history that they give it into OUT, in the format of
HISTORY.md, and tells for each whether Harrow says what Jepsen expects:

    git clone --depth 1 https://github.com/jepsen-io/jepsen
    python3 reports/tests/jepsen/translate.py jepsen/jepsen/test/jepsen/tests/kafka_test.clj OUT

Exit code 0 if Harrow and Jepsen agree or differ as HISTORY.md's table says, 1 if not, 2 if nothing could be asked.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys

TOKEN = re.compile(
    r"""[\s,]+|;[^\n]*|(?P<open>\#\{|[(\[{])|(?P<close>[)\]}])|(?P<quote>\#_|['`])"""
    r"""|(?P<string>"(?:\\.|[^"\\])*")|(?P<word>[^\s,()\[\]{}"';]+'*)""",
    re.S,
)


class Symbol(str):
    """A name that is looked up."""


class Keyword(str):
    """A name that stands for itself, and looks itself up in maps."""


class Form(list):
    """A call."""


class Unknown(Exception):
    """What this reader of Clojure does not evaluate."""


def read(text):
    """All forms of a file."""
    stack, discards = [("", [])], []
    for token in TOKEN.finditer(text):
        if token["open"]:
            stack.append((token["open"], []))
            continue
        if token["quote"] == "#_":
            discards.append((len(stack), len(stack[-1][1])))
            continue
        if token["close"]:
            opening, items = stack.pop()
            value = closed(opening, items)
        elif token["string"]:
            value = token["string"][1:-1]
        elif token["word"]:
            value = atom(token["word"])
        else:
            continue
        stack[-1][1].append(value)
        if discards and discards[-1] == (len(stack), len(stack[-1][1]) - 1):
            discards.pop()
            stack[-1][1].pop()
    if len(stack) != 1:
        fail("the file ends within a form")
    return stack[0][1]


def closed(opening, items):
    if opening == "(":
        return Form(items)
    if opening == "{":
        return Map(zip(items[::2], items[1::2]))
    return Set(items) if opening == "#{" else items


def atom(word):
    if word.startswith(":"):
        return Keyword(word[1:])
    if re.fullmatch(r"-?\d+", word):
        return int(word)
    return {"nil": None, "true": True, "false": False}.get(word, Symbol(word))


class Map(list):
    """Pairs, since keys may be anything."""

    def get(self, key):
        return next((value for known, value in self if known == key), None)


class Set(list):
    """The members of a set."""


class History(list):
    """Operations of which the checker is asked."""


class Asked:
    """What the checker says of a history. Only which part of its answer is looked at matters here."""

    def __init__(self, history, path=()):
        self.history, self.path = history, path

    def __getitem__(self, key):
        return Asked(self.history, self.path + (key,))


class Function:
    """A function of the file."""

    def __init__(self, parameters, body, scope):
        self.parameters, self.body, self.scope = parameters, body, scope

    def __call__(self, claims, *arguments):
        scope = {**self.scope, **dict(zip(self.parameters, arguments))}
        return [evaluate(form, scope, claims) for form in self.body][-1]


BUILT_IN = {
    "h/history": lambda ops: History(ops),
    "history": lambda ops: History(ops),
    "h/op": lambda op: op,
    "deindex": lambda ops: ops,
    "analysis": lambda history, *_: Asked(history),
    "version-orders": lambda history, *_: Asked(history, ("version-orders",)),
    "checker/check": lambda _, __, history, *___: Asked(history),
    "checker": lambda *_: None,
    "range": lambda end: list(range(end)),
    "sorted-set": lambda *members: Set(members),
    "into": lambda into, members: type(into)([*into, *members]),
    "conj": lambda onto, *members: [*onto, *members],
    "+": lambda *terms: sum(terms),
}


class Claims:
    """What the tests hold to be so."""

    def __init__(self):
        self.names, self.made, self.unread = [], [], []

    def add(self, asked, wanted):
        self.made.append((": ".join(self.names), asked, wanted))

    def within(self, name, forms, scope):
        self.names.append(name)
        for form in forms:
            try:
                evaluate(form, scope, self)
            except Unknown as unknown:
                self.unread.append((": ".join(self.names), str(unknown)))
        self.names.pop()


def evaluate(form, scope, claims):
    """What a form is worth, and in `claims` what it holds to be so."""
    if isinstance(form, Form):
        return call(form, scope, claims)
    if isinstance(form, Map):
        return Map((evaluate(k, scope, claims), evaluate(v, scope, claims)) for k, v in form)
    if isinstance(form, list):
        return type(form)(evaluate(item, scope, claims) for item in form)
    if isinstance(form, Symbol):
        if form not in scope:
            raise Unknown(form)
        return scope[form]
    return form


def call(form, scope, claims):
    head, rest = form[0], form[1:]
    if isinstance(head, Symbol) and head in SPECIAL and head not in scope:
        return SPECIAL[head](rest, scope, claims)
    if isinstance(head, Symbol) and head not in scope and head not in BUILT_IN:
        # Whatever is done with an answer of the checker: the answer was looked at.
        arguments = [it for it in rest if not is_unknown(it, scope, claims)]
        asked = [it for it in (evaluate(it, scope, claims) for it in arguments) if isinstance(it, Asked)]
        if not asked:
            raise Unknown(head)
        return asked[0]
    arguments = [evaluate(it, scope, claims) for it in rest]
    return apply(head if not isinstance(head, Symbol) else scope.get(head, BUILT_IN.get(head)), arguments, claims)


def is_unknown(form, scope, claims):
    try:
        evaluate(form, scope, claims)
    except (Unknown, IndexError):
        return True
    return False


def apply(function, arguments, claims):
    if isinstance(function, Keyword):
        asked = arguments[0]
        return asked[function] if isinstance(asked, Asked) else asked.get(function)
    if isinstance(function, Function):
        return function(claims, *arguments)
    if isinstance(function, History):
        return function[arguments[0]]
    if not callable(function):
        raise Unknown(function)
    asked = [it for it in arguments if isinstance(it, Asked)]
    return asked[0] if asked else function(*arguments)


def let(rest, scope, claims):
    scope, (bindings, *body) = dict(scope), rest
    for name, value in zip(bindings[::2], bindings[1::2]):
        scope[name] = evaluate(value, scope, claims)
    return last(body, scope, claims)


def last(body, scope, claims):
    value = None
    for form in body:
        try:
            value = evaluate(form, scope, claims)
        except Unknown as unknown:
            if form is body[-1]:
                raise
            claims.unread.append((": ".join(claims.names), str(unknown)))
    return value


def thread(is_first):
    def threaded(rest, scope, claims):
        value = evaluate(rest[0], scope, claims)
        for step in rest[1:]:
            step = step if isinstance(step, Form) else Form([step])
            held = {**scope, Symbol("%value"): value}
            at = 1 if is_first else len(step)
            value = evaluate(Form([*step[:at], Symbol("%value"), *step[at:]]), held, claims)
        return value

    return threaded


def loopr(rest, scope, claims):
    """`(loopr [accumulator start ...] [item items] (recur ...) final)`."""
    (accumulators, (item, items), step, final), scope = rest, dict(scope)
    for name, start in zip(accumulators[::2], accumulators[1::2]):
        scope[name] = evaluate(start, scope, claims)
    for value in evaluate(items, scope, claims):
        scope[item] = value
        news = [evaluate(form, scope, claims) for form in step[1:]]
        scope.update(zip(accumulators[::2], news))
    return evaluate(final, scope, claims)


def holds(rest, scope, claims):
    """`(is ...)`: what is wanted of which answer."""
    test = rest[0]
    parts = [evaluate(part, scope, claims) for part in test[1:]]
    asked = [part for part in parts if isinstance(part, Asked)]
    if not asked:
        raise Unknown(f"({test[0]} ...) of no answer of the checker")
    others = [part for part in parts if not isinstance(part, Asked)]
    claims.add(asked[0], others[0] if test[0] == "=" else test[0] == "not" and Keyword("not"))


def defines(rest, scope, claims):
    name, parameters = rest[0], next(it for it in rest if isinstance(it, list) and not isinstance(it, Form))
    scope[name] = Function(parameters, rest[rest.index(parameters) + 1:], scope)


SPECIAL = {
    "let": let,
    "when-let": let,
    "fn": lambda rest, scope, _: Function(rest[0], rest[1:], scope),
    "->": thread(True),
    "->>": thread(False),
    "loopr": loopr,
    "is": holds,
    "testing": lambda rest, scope, claims: claims.within(str(rest[0]), rest[1:], scope),
    "deftest": lambda rest, scope, claims: claims.within(str(rest[0]), rest[1:], scope),
}


def claims_of(text):
    """All that a file of tests holds to be so of the checker's answers."""
    claims, scope = Claims(), {}
    for form in read(text):
        if isinstance(form, Form) and form[0] == "defn" and form[1] not in BUILT_IN:
            defines(form[1:], scope, claims)
        elif isinstance(form, Form) and form[0] == "deftest":
            SPECIAL["deftest"](form[1:], scope, claims)
    return claims

def lines(history, final_reads):
    """A history as `harrow check` reads it (HISTORY.md). Jepsen judges each operation as a transaction."""
    functions = {"send": "txn", "poll": "txn"}
    text, time, open_of = [{"harrow_history": 2}], 0, set()

    def line(process, kind, op):
        nonlocal time
        f = op.get("f")
        line = {"index": time, "time": time, "process": process, "type": kind, "f": functions.get(f, f)}
        if f in ("assign", "subscribe"):
            line["value"] = [["assigned", f"k{key}"] for key in op.get("value")]
        else:
            line["value"] = [micro(it, kind == "invoke") for it in op.get("value")]
        text.append(line)
        time += 1

    for at, op in enumerate(history):
        process = op.get("process")
        if process is None:  # a test that gives ends alone: each is of a client of its own
            process = 1000 + at
        if op.get("type") == "invoke":
            # One test begins by sending other values than it ends with: what it ends with counts.
            ends = (it for it in history[at + 1:] if it.get("process") == process)
            line(process, "invoke", next(ends, op))
            open_of.add(process)
            continue
        if process not in open_of:
            line(process, "invoke", op)
        line(process, op.get("type"), op)
        open_of.discard(process)
    text.append({"end": {"lines": len(text), "final_reads": final_reads}})
    return "".join(json.dumps(line) + "\n" for line in text)


def micro(op, is_begin):
    if op[0] == "send":
        told = isinstance(op[2], list)
        value, offset = (op[2][1], op[2][0]) if told else (op[2], None)
        return ["send", f"k{op[1]}", str(value)] + ([offset] if told and not is_begin else [])
    if is_begin or len(op) == 1:
        return ["poll"]
    return ["poll", {f"k{key}": [[offset, str(value)] for offset, value in records] for key, records in op[1]}]


# Where Harrow says something else on purpose: how the test's name begins, the anomaly, and the row of HISTORY.md's
# table "Where Jepsen and Harrow differ" that says why.
DIFFERENCES = [
    ("lost-write-test", "lost-write", "final reads"),
    ("nonmonotonic-send-test: with intermediate subscribe", "nonmonotonic-send", "sends and assignments"),
    ("g1c-ww-wr-test", "G1c", "names of circles"),
]


def fail(why):
    print(why, file=sys.stderr)
    raise SystemExit(2)


def wanted_of(asked, wanted):
    """Which anomaly an answer is about, and whether the test wants it; `None` if it is about no error."""
    path = asked.path
    if path == ("valid?",):
        return "held", wanted != "not"
    if path[:1] == ("version-orders",):
        errors = wanted.get("errors") if isinstance(wanted, Map) else wanted
        return "inconsistent-offsets", bool(errors)
    if path == ("unseen",):  # how many are left, time after time: what counts is the end
        return "unseen", any(count for _, count in wanted[-1].get("unseen"))
    if path[:1] == ("errors",):
        return (path[1] if len(path) > 1 else "any"), bool(wanted)
    return None


def told(harrow, path):
    """What `harrow check` says: the outcome, the anomalies that it finds, those that it finds and calls legal."""
    try:
        done = subprocess.run([harrow, "check", path, "--format", "json"], capture_output=True, text=True)
    except OSError as error:
        fail(f"{harrow}: {error.strerror}: build it by `cargo build --release`, or say where it is by --harrow")
    if done.returncode not in (0, 1, 3):
        fail(done.stderr.strip())
    report = json.loads(done.stdout)
    found = {it["anomaly"] for it in report["findings"]}
    found |= {line.split(":")[0] for it in report["findings"] for line in it["consequences"]}
    return report["outcome"], found, {it["anomaly"] for it in report["excused"]}


def agrees(answer, anomaly, is_wanted):
    outcome, found, legal = answer
    if anomaly == "held":
        return (outcome == "held") == is_wanted
    if anomaly == "any":
        return bool(found) == is_wanted
    return anomaly in found | legal if is_wanted else anomaly not in found


def compared(harrow, out, number, claim):
    """A claim in words, and whether Harrow may answer as it does; `None` where its answers have no such figure."""
    name, asked, wanted = claim
    about = wanted_of(asked, wanted)
    if about is None:
        return f"not compared: {' '.join(asked.path)} is a figure", None
    anomaly, is_wanted = about
    answers = []
    for final_reads in (False, True):
        path = out / f"{number:02}{'-final-reads' if final_reads else ''}.jsonl"
        path.write_text(lines(asked.history, final_reads))
        answers.append(told(harrow, path))
    wanted = f"{anomaly if is_wanted else 'no ' + anomaly}"
    if all(agrees(answer, *about) for answer in answers):
        return f"agrees: {wanted}", True
    rows = [row for begin, of, row in DIFFERENCES if name.startswith(begin) and of == anomaly]
    if rows == ["final reads"] and not agrees(answers[1], *about):
        rows = []  # with final reads there is no reason left
    says = ", with final reads ".join(" ".join([answer[0], *sorted(answer[1])]) for answer in answers)
    return f"differs ({rows[0] if rows else 'WHY?'}): {wanted} is wanted, Harrow says {says}", bool(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tests", type=pathlib.Path, help="Jepsen's kafka_test.clj")
    parser.add_argument("out", type=pathlib.Path, help="a folder for the translated histories")
    parser.add_argument("--harrow", default="target/release/harrow", help="the binary (default: %(default)s)")
    options = parser.parse_args()
    try:
        claims = claims_of(options.tests.read_text())
    except (AttributeError, IndexError, TypeError, ValueError) as error:
        fail(f"{options.tests}: it has what this reader of Clojure does not know: {error}")
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")
    if not claims.made:
        fail(f"{options.tests}: no test asks the checker")
    answers = [compared(options.harrow, options.out, *it) for it in enumerate(claims.made)]
    for (name, *_), (text, _) in zip(claims.made, answers):
        print(f"{name}: {text}")
    for name, why in claims.unread:
        print(f"{name}: not read: {why}")
    of_errors = [is_right for _, is_right in answers if is_right is not None]
    wrong = of_errors.count(False)
    others = len(claims.unread)
    print(f"{len(of_errors)} answers of the checker compared, {wrong} wrong; {others} tests of other things")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
