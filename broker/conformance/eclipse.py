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
    result = unittest.TextTestRunner(stream=sys.stdout).run(load(*where).Test(name))
    sys.stdout.flush()
    os._exit(0 if result.testsRun == 1 and result.wasSuccessful() else 1)  # the client's threads would keep the process


def passes(name, *where):
    argv = [sys.executable, os.path.abspath(__file__), "--one", name, *where]
    try:
        return subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT_S).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main(folder, *where):
    where = (os.path.abspath(folder), *where)
    names = unittest.TestLoader().getTestCaseNames(load(*where).Test)
    passed = 0
    for name in names:
        attempts = next((n for n in range(1, ATTEMPTS + 1) if passes(name, *where)), None)
        passed += attempts is not None
        if attempts != 1:
            print(where[1], name, f"passed at attempt {attempts}" if attempts else "FAILED", flush=True)
    print(f"{where[1]}: {passed} of {len(names)} passed")
    return passed != len(names)


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        one(*sys.argv[2:])
    sys.exit(main(*sys.argv[1:]))
