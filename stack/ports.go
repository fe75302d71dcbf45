package stack

import (
	"fmt"
	"net"
	"strconv"
)

// listed is one port of the configuration and its key.
type listed struct {
	key  string
	port *int
}

// ports are those that will be listened on.
func (c *Config) ports() []listed {
	ports := []listed{{"kafka.port", &c.Kafka.Port}, {"kafka.controller_port", &c.Kafka.ControllerPort}}
	if c.runsFlink() {
		ports = append(ports, listed{"flink.rest_port", &c.Flink.RestPort}, listed{"flink.rpc_port", &c.Flink.RPCPort})
	}
	if c.runsStores() {
		ports = append(ports, listed{"redis.port", &c.Redis.Port}, listed{"postgres.port", &c.Postgres.Port})
	}
	if !c.runsRoles() {
		return ports
	}
	return append(ports,
		listed{"roles.page_port", &c.Roles.PagePort}, listed{"roles.mqtt_port", &c.Roles.MQTTPort}, listed{"roles.websocket_port", &c.Roles.WebSocketPort},
		listed{"roles.admin_port", &c.Roles.AdminPort}, listed{"roles.history_port", &c.Roles.HistoryPort}, listed{"roles.simulator_port", &c.Roles.SimulatorPort})
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// takePorts chooses free ports where that is asked for, and otherwise sees that nothing else has one: the servers' own messages about a taken port are in their logs, minutes of waiting later.
func (c *Config) takePorts() error {
	var open []net.Listener
	defer func() {
		for _, l := range open {
			l.Close()
		}
	}()
	for _, p := range c.ports() {
		addr := loopback(*p.port)
		if c.Ports == PortsAuto {
			addr = loopback(0)
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("%s: %w (another stack? `--ports auto` takes free ports)", p.key, err)
		}
		open = append(open, l) // all of them at once, so that no port is given twice
		*p.port = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}
