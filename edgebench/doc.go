// Package edgebench measures any MQTT broker as an edge: deliveries per CPU-second of its process, latency, losses and memory, in the workloads of a
// market-data fan-out. It speaks MQTT itself over raw sockets, all connections in one epoll loop, so that the tool leaves the machine to the broker.
package edgebench
