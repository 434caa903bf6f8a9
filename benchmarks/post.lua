-- Posts a file, and compares each answer with another file.
-- wrk -s post.lua URL -- BODY EXPECTED

local function read(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read("*a")
  file:close()
  return content
end

local thread_of_load

function setup(thread)
  thread_of_load = thread
end

function init(args)
  wrong_status, wrong_content, right = 0, 0, 0
  expected = read(args[2])
  post = wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, read(args[1]))
end

function request()
  return post
end

function response(status, headers, content)
  if status ~= 200 then
    wrong_status = wrong_status + 1
  elseif content ~= expected then
    wrong_content = wrong_content + 1
  else
    right = right + 1
  end
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"right": %d, "wrong_status": %d, "wrong_content": %d, "broken": %d, "microseconds": %d,'
      .. ' "p50": %d, "p99": %d, "max": %d}',
    thread_of_load:get("right"), thread_of_load:get("wrong_status"),
    thread_of_load:get("wrong_content"),
    errors.connect + errors.read + errors.write + errors.timeout, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max
  ))
end
