// Package simexchange is an exchange simulator that speaks Binance spot's market-data protocol: REST under /api/v3 and WebSocket streams under /ws and
// /stream, on one port. Everything it serves about a symbol comes from one event log, so that trades, aggregate trades, klines, order books and tickers
// agree, over REST and over WebSocket. The log is fed by a random market, a seeded flow of orders through package matching, or by recordings, and faults can
// be scripted on frames and answers.
//
// The rules are those of github.com/binance/binance-spot-api-docs (rest-api.md, web-socket-streams.md, errors.md) of 2026-07-21.
package simexchange
