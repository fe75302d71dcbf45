"""Run a module of eclipse/paho.mqtt.testing against a broker, each test in a process of its own.

usage: eclipse.py SRC/interoperability client_test|client_test5 HOST PORT

The modules' own command line does not take a host. A client of theirs waits for ever for what does not come, so each test has a time limit; one that fails is
run again, alone, since some wait for the wrong thing and fail on any broker now and then.
"""
import importlib
import os
import subprocess
import sys
import unittest

LIMIT_S = 60
ATTEMPTS = 4


def load(folder, module, host, port):
    os.chdir(folder)
    sys.path.insert(0, folder)
    m = importlib.import_module(module)
    m.host, m.port = host, int(port)
    m.topics = ("TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA")
    m.wildtopics = ("TopicA/+", "+/C", "#", "/#", "/+", "+/+", "TopicA/#")
    m.nosubscribe_topics = ("test/nosubscribe",)
    m.topic_prefix = "client_test5/"
    return m


def one(name, *where):
    """Run one test; the exit code says whether it passed."""
    result = unittest.TextTestRunner(stream=sys.stdout).run(unittest.TestSuite([load(*where).Test(name)]))  # a suite, since it alone calls setUpClass
    sys.stdout.flush()
    os._exit(0 if result.testsRun == 1 and result.wasSuccessful() else 1)  # the client's threads would keep the process


def attempt(name, *where):
    """Run one test in a process; None where it passes, else what it printed last of an exception."""
    argv = [sys.executable, os.path.abspath(__file__), "--one", name, *where]
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return f"no end within {LIMIT_S} s"
    lines = p.stdout.decode(errors="replace").splitlines()
    why = [l for l in lines if l.split(":")[0].endswith(("Error", "Exception"))]
    return None if p.returncode == 0 else (why or lines or [f"exit code {p.returncode}"])[-1]


def main(folder, *where):
    where = (os.path.abspath(folder), *where)
    names = unittest.TestLoader().getTestCaseNames(load(*where).Test)
    passed = 0
    for name in names:
        for n in range(1, ATTEMPTS + 1):
            why = attempt(name, *where)
            if why is None:
                break
        passed += why is None
        if why is not None or n > 1:
            print(where[1], name, f"passed at attempt {n}" if why is None else f"FAILED: {why}", flush=True)
    print(f"{where[1]}: {passed} of {len(names)} passed")
    return passed != len(names)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        one(*sys.argv[2:])
    sys.exit(main(*sys.argv[1:]))
