/**
 * The nouns that both engines share: decimals, periods, log records and their decoder, the JSON of what is written. Each class does what the Go package {@code market} does under the
 * same name, and takes and refuses the same bytes.
 */
package io.tickcast.market;
