// Package stackbench is `tickcast bench stack`: it starts real Kafka and Flink with a bridge and an edge, and measures how long a trade takes to a client, stage by stage, and how fast a log is caught up
// with, from outside: it writes and reads Kafka and speaks MQTT like anybody.
package stackbench
