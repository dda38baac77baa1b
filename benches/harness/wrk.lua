-- Writes what wrk saw as JSON into the file named by WRK_REPORT. Latencies are in microseconds.
-- An environment variable, since `done` runs in a Lua state that the script's arguments do not reach.
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  local out = assert(io.open(os.getenv("WRK_REPORT"), "w"))
  out:write(string.format(
    '{"requests":%d,"seconds":%f,"errors":%d,"p50":%f,"p99":%f,"max":%f}',
    summary.requests, summary.duration / 1e6, failed,
    latency:percentile(50), latency:percentile(99), latency.max))
  out:close()
end
