"""Follows one contract: candle, closed candles, order book, trades.

python follow.py [edge] [rest] [contract] [period] [resolution]; needs paho-mqtt 2
"""
import json
import queue
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from decimal import Decimal

import paho.mqtt.client as mqtt

EDGE, REST, CONTRACT, PERIOD, RESOLUTION = (sys.argv[1:] + ["mqtt://localhost:1883", "http://localhost:8080", "BTCUSDT", "1m", "1"][len(sys.argv) - 1:])
CANDLE = f"candle/{PERIOD}/{CONTRACT}"
CLOSED = f"{CANDLE}/closed"
BOOK = f"orderbook/{RESOLUTION}/{CONTRACT}"
TRADE = f"trade/{CONTRACT}"


def version(m):
    return m["epoch"], m.get("t", 0), m["seq"]  # tuples compare part by part


class Follower:
    def __init__(self):
        self.held = {}  # by topic: the newest version
        self.closed = {}  # by open time: (version, close)
        self.asked = True  # REST was asked for closed candles since the connection began
        self.newest = None  # the newest closed candle
        self.last_id = None  # of the newest trade

    def connected(self):
        self.asked = False

    def receive(self, topic, m):
        if topic == CLOSED:
            return self.receive_closed(m)
        if version(m) <= self.held.get(topic, ()):
            return
        self.held[topic] = version(m)
        if topic == CANDLE:
            print("candle", m["epoch"], m["t"], m["seq"], m["c"])
        elif topic == BOOK:
            print("book", m["epoch"], m["seq"], *(side[0][0] if side else None for side in (m["b"], m["a"])))
        elif topic == TRADE:
            self.receive_trade(m)

    def receive_closed(self, m):
        if version(m) <= self.closed.get(m["t"], ((), None))[0]:  # the rule holds per t
            return
        self.closed[m["t"]] = version(m), Decimal(m["c"])
        print("closed", m["t"], m["c"], "live")
        if not self.asked or self.newest and m["t"] > self.newest["T"] + 1:
            self.asked = True
            first = self.newest or m
            self.fill_candles(first["t"] - 11 * 60_000, m)  # candles up to ten minutes old may have been revised meanwhile
        if not self.newest or m["t"] >= self.newest["t"]:
            self.newest = m

    def fill_candles(self, start, message):
        until = message["t"]
        while start < until:
            rows = ask("klines", symbol=CONTRACT, interval=PERIOD, startTime=start, endTime=until, limit=1000)
            for t, _, _, _, close, *_ in rows[:-1]:  # the last row may still be open
                known, was = self.closed.get(t, ((), None))
                row = message["epoch"], t, message["seq"]  # it is as new as the message that made us ask
                if row > known:
                    self.closed[t] = row, Decimal(close)
                    if was != Decimal(close):
                        print("closed", t, close, "rest")
            end = rows[-1][0] if rows else start
            if end <= start:
                time.sleep(0.5)  # REST is a moment behind
            start = end

    def receive_trade(self, m):
        if m["k"] != "trade":
            return print(m["k"], m["a"])  # a bust or a correction of trade a
        if self.last_id is not None and m["a"] > self.last_id + 1:
            self.fill_trades(self.last_id + 1, m["a"])
        self.last_id = m["a"]
        print("trade", m["a"], m["p"], "live")

    def fill_trades(self, start, until):
        while start < until:
            rows = ask("aggTrades", symbol=CONTRACT, fromId=start, limit=min(until - start, 1000))
            for row in rows:
                if row["a"] < until:
                    print("trade", row["a"], row["p"], "rest")
            if rows:
                start = rows[-1]["a"] + 1
            else:
                time.sleep(0.5)  # REST is a moment behind


def ask(what, **query):
    while True:
        try:
            with urllib.request.urlopen(f"{REST}/api/v3/{what}?{urllib.parse.urlencode(query)}", timeout=10) as res:
                return json.load(res)
        except urllib.error.HTTPError as err:
            if err.code < 429:
                raise
            time.sleep(int(err.headers.get("Retry-After", 1)))  # too many requests, or not ready yet
        except OSError:
            time.sleep(1)  # the server is away


events = queue.Queue()  # the library's thread must not wait for REST


def on_connect(client, _userdata, _flags, reason, _properties):
    if reason.is_failure:
        return print(f"refused: {reason}", file=sys.stderr)  # it is tried again
    events.put((None, None))
    client.subscribe([(topic, 1) for topic in (CANDLE, CLOSED, BOOK, TRADE)])


def on_subscribe(_client, _userdata, _mid, reasons, _properties):
    for reason in reasons:
        if reason.is_failure:
            print(f"a topic was refused: {reason}", file=sys.stderr)


edge = urllib.parse.urlsplit(EDGE)
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
client.on_connect, client.on_subscribe = on_connect, on_subscribe
client.on_message = lambda _client, _userdata, message: events.put((message.topic, message.payload))
client.reconnect_delay_set(1, 30)
client.connect_async(edge.hostname, edge.port, keepalive=20)
client.loop_start()
sys.stdout.reconfigure(line_buffering=True)
follower = Follower()
while True:
    topic, payload = events.get()
    if topic is None:
        follower.connected()
    elif payload:  # empty: the contract was delisted
        follower.receive(topic, json.loads(payload))
