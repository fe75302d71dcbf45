/**
 * What Flink's SQL calls: process table functions, thin adapters over the engines. They use no event time, no timers and no watermarks: records come in the order of their partition, and
 * everything that is computed depends on them alone.
 */
package io.tickcast.flink;
