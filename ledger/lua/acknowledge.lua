#!lua flags=allow-oom
-- Forgets records that Postgres has committed: stream entry and tombstone go.
-- Input:  KEYS 1 settlements, 2 position, then for each account: account, holds, rebuild
--         ARGV 1 last number written, then for each record: number, index of its account (from 0),
--              request id, kind, '1' to keep the tombstone (a rejected record) or '0'
-- Output: how many entries were in the stream
-- Idempotent: what is gone is not taken off again.
-- @include holds
local settlements, position = KEYS[1], KEYS[2]
local removed = 0
for i = 2, #ARGV, 5 do
    local number, request_id, kind = ARGV[i], ARGV[i + 2], ARGV[i + 3]
    local first = 3 + 3 * tonumber(ARGV[i + 1])
    local account, holds, rebuild = KEYS[first], KEYS[first + 1], KEYS[first + 2]
    removed = removed + redis.call('XDEL', settlements, number .. '-0')
    redis.call('DEL', rebuild)
    local tombstone = parse_tombstone(redis.call('HGET', holds, request_id))
    if ARGV[i + 4] == '0' and tombstone and tombstone.kind == kind then
        redis.call('HDEL', holds, request_id)
        if not tombstone.written and redis.call('EXISTS', account) == 1 then
            redis.call('HINCRBY', account, 'unwritten', minus(tombstone.charge))
        end
    end
end
redis.call('HSET', position, 'written', ARGV[1])
return removed
