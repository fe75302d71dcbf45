"""Subscribes to state/#, event/# and final/# with paho-mqtt, connects again by itself, and reports as e2e/report_test.go says.

python report.py HOST PORT VERSION CLIENT-ID resume|clean
"""
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

host, port, version, client_id, session = sys.argv[1:]
sys.stdout.reconfigure(line_buffering=True)


def on_connect(client, _userdata, flags, reason, _properties):
    if reason.is_failure:
        return print(f"refused: {reason}", file=sys.stderr)
    print("connected", int(flags.session_present))
    if not flags.session_present:
        client.subscribe([("state/#", 1), ("event/#", 1), ("final/#", 1)])


def on_disconnect(_client, _userdata, flags, reason, _properties):
    if flags.is_disconnect_packet_from_server:
        print("disconnected", reason.value)


def on_message(_client, _userdata, m):
    print("message", m.topic, m.qos, int(m.retain), int(m.dup), m.payload.split()[0].decode())


if version == "5":
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 600
    options = {"clean_start": mqtt.MQTT_CLEAN_START_FIRST_ONLY if session == "clean" else False, "properties": properties}
else:
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id, clean_session=session == "clean")
    options = {}
client.on_connect, client.on_disconnect, client.on_message = on_connect, on_disconnect, on_message
client.on_subscribe = lambda *_: print("subscribed")
client.reconnect_delay_set(1, 1)
client.connect(host, int(port), keepalive=240, **options)
client.loop_forever()
