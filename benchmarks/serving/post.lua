-- One body, POSTed again and again. Environment: BODY (a file), MEDIA_TYPE, HEADER_LENGTH (of V2's binary extension).
local file = assert(io.open(os.getenv("BODY"), "rb"))
wrk.body = file:read("*a")
file:close()
wrk.method = "POST"
wrk.headers["Content-Type"] = os.getenv("MEDIA_TYPE")
local length = os.getenv("HEADER_LENGTH")
if length and length ~= "" then wrk.headers["Inference-Header-Content-Length"] = length end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format('JSON {"requests":%d,"us":%d,"p50_us":%.1f,"p99_us":%.1f,"errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
