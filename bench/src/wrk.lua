-- Drives wrk: each request takes the next token of a file, and the summary is one line for the load command.
-- Arguments after `--`: the file, one token a line.

local requests, position = {}, 0

function init(arguments)
  -- Rendered ahead: what is measured is the server.
  for token in io.lines(arguments[1]) do
    local lines = { "GET " .. wrk.path .. " HTTP/1.1", "Host: " .. wrk.host, "Authorization: Bearer " .. token }
    requests[#requests + 1] = table.concat(lines, "\r\n") .. "\r\n\r\n"
  end
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("summary %d %d %d %d %d %d\n",
    summary.requests, summary.duration, errors.status, broken, latency:percentile(50), latency:percentile(99)))
end
