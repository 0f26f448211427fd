// duckdb.mjs FILE [OUT]: one-minute bars of a file of ticks, with DuckDB on one
// thread and the columns named (nothing is guessed, no column that the bars do
// not need is read), written as NDJSON to OUT,
// /dev/null unless said.  Prints the CPU seconds of
// the query alone and the number of bars: the start of node does not count.
import { DuckDBInstance } from '@duckdb/node-api';

const database = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await database.connect();
// first() and last() are in order of arrival on one thread, which ticks that
// share a millisecond need; arg_min() over a row number costs a window more.
const bars = `
  select symbol, time // 60000 * 60000 as time, first(bid) as open,
         max(bid) as high, min(bid) as low, last(bid) as close,
         count(*) as volume
  from read_json('${process.argv[2]}', format = 'newline_delimited',
    columns = {symbol: 'varchar', time: 'bigint', bid: 'decimal(18, 5)'})
  group by symbol, time // 60000 * 60000`;
const to = process.argv[3] ?? '/dev/null';

const before = process.cpuUsage();
const done = await connection.run(
  `copy (${bars}) to '${to}' (format json, use_tmp_file false)`);
const used = process.cpuUsage(before);
console.log(`cpu ${(used.user + used.system) / 1e6} s, ` +
            `bars ${done.rowsChanged}`);
