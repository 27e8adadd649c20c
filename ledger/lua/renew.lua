#!lua flags=allow-oom
-- Moves the deadlines of calls that live. A hold that is not there is not made.
-- Input:  KEYS 1 deadlines; ARGV 1 ttl_ms, 2… members `<account id>/<request id>`
-- Output: how many of them were there
local now = redis.call('TIME')
local deadline = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[1])
local there = 0
for i = 2, #ARGV do
    if redis.call('ZSCORE', KEYS[1], ARGV[i]) then
        redis.call('ZADD', KEYS[1], 'XX', deadline, ARGV[i])
        there = there + 1
    end
end
return there
