-- Asks with the method, status and body of its arguments, and prints what wrk saw: answers,
-- microseconds, and how many answers had another status.
local threads = {}

function setup(thread)
  thread:set("refused", 0)
  table.insert(threads, thread)
end

function init(arguments)
  wrk.method, expected = arguments[1], tonumber(arguments[2])
  if arguments[3] ~= "" then
    wrk.body, wrk.headers["Content-Type"] = arguments[3], "application/json"
  end
end

function response(status)
  if status ~= expected then
    refused = refused + 1
  end
end

function done(summary)
  local bad = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.timeout
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("refused")
  end
  print(string.format("RESULT %d %d %d", summary.requests, summary.duration, bad))
end
