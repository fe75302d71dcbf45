/** What the independent check of the ledger (check_candles.sql) needs beside SQL. It uses nothing of the engines: what they get wrong must not be wrong here too. */
package io.tickcast.check;
