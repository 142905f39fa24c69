-- Prints what wrk saw: answers, microseconds, and how many answers were no 200.
local threads = {}

function setup(thread)
  thread:set("refused", 0)
  table.insert(threads, thread)
end

function response(status)
  if status ~= 200 then
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
