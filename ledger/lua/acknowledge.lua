#!lua flags=allow-oom
-- Forgets records that Postgres has committed: stream entry and tombstone go.
-- Input:  KEYS 1 settlements, 2 position, then for each account: account, holds, rebuild
--         ARGV 1 last number written, then for each record: number, index of its account (from 0),
--              request id, kind, '1' to keep the tombstone (a rejected record) or '0'
-- Output: how many entries were in the stream
-- Idempotent: what is gone is not taken off again. Since it was read the stream may have been lost
-- and begun again: an entry that is another one now stays, and nothing is called written.
-- @include holds
local settlements, position = KEYS[1], KEYS[2]
local removed, is_other_stream = 0, false
for i = 2, #ARGV, 5 do
    local id, request_id, kind = ARGV[i] .. '-0', ARGV[i + 2], ARGV[i + 3]
    local first = 3 + 3 * tonumber(ARGV[i + 1])
    local account, holds, rebuild = KEYS[first], KEYS[first + 1], KEYS[first + 2]
    local entry = redis.call('XRANGE', settlements, id, id)[1]
    if entry then
        -- As file_record.lua puts them: kind, …, account, …, request, …
        local fields = entry[2]
        if fields[2] == kind and fields[6] == request_id then
            removed = removed + redis.call('XDEL', settlements, id)
        else
            is_other_stream = true
        end
    end
    redis.call('DEL', rebuild)
    local tombstone = parse_tombstone(redis.call('HGET', holds, request_id))
    if ARGV[i + 4] == '0' and tombstone and tombstone.kind == kind then
        redis.call('HDEL', holds, request_id)
        if not tombstone.written and redis.call('EXISTS', account) == 1 then
            redis.call('HINCRBY', account, 'unwritten', minus(tombstone.charge))
        end
    end
end
local at = redis.call('HMGET', position, 'number', 'written')
local last, number, written = tonumber(ARGV[1]), tonumber(at[1] or 0), tonumber(at[2] or 0)
if not is_other_stream and number >= last and last > written then
    redis.call('HSET', position, 'written', ARGV[1])
end
return removed
