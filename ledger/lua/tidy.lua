#!lua flags=allow-oom
-- Makes the deadlines of an account fit its holds again, so that the sweeper ends each hold once.
-- Input:  KEYS 1 holds, 2 deadlines; ARGV 1 account id, 2 ttl_ms, 3… request ids to look at
-- Output: deadlines taken away, because no hold is there; deadlines given; deadlines brought nearer
-- Idempotent. A call that lives renews its hold before a deadline that is given here.
-- @include holds
local holds, deadlines = KEYS[1], KEYS[2]
local now = redis.call('TIME')
local latest = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2]
local removed, given, nearer = 0, 0, 0
for i = 3, #ARGV do
    local member = ARGV[1] .. '/' .. ARGV[i]
    local filed = redis.call('HGET', holds, ARGV[i])
    local deadline = redis.call('ZSCORE', deadlines, member)
    if not filed or parse_tombstone(filed) then
        removed = removed + redis.call('ZREM', deadlines, member)
    elseif not deadline then
        given = given + redis.call('ZADD', deadlines, integer(latest), member)
    elseif tonumber(deadline) > latest then
        nearer = nearer + redis.call('ZADD', deadlines, 'XX', 'CH', integer(latest), member)
    end
end
return { removed, given, nearer }
