-- What wrk sends: whole requests from the files of a folder, one after the other, for ever; and what it prints.

function init(args)
    requests, place = {}, 0
    for number = 1, tonumber(args[2]) do
        local file = assert(io.open(string.format("%s/%06d", args[1], number - 1), "rb"))
        requests[number] = file:read("*a")
        file:close()
    end
end

function request()
    place = place % #requests + 1
    return requests[place]
end

function done(summary, latency, _)
    local errors = summary.errors
    print(string.format(
        '{"rate": %.3f, "p50_ms": %.3f, "p95_ms": %.3f, "answered": %d, "failures": %d}',
        summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(95) / 1e3,
        summary.requests, errors.connect + errors.read + errors.write + errors.status + errors.timeout
    ))
end
