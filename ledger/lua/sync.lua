#!lua flags=allow-oom
-- Applies numbered changes of an account, in order and each once.
-- Input:  KEYS 1 account, 2 rebuild
--         ARGV for each change: number, amount_mc, key id or '', state of the key or ''
-- Output: the last number applied, or -1 where the account is not in Redis
local last = tonumber(redis.call('HGET', KEYS[1], 'sync'))
if not last then
    -- A rebuild under way may have read Postgres before these changes.
    redis.call('DEL', KEYS[2])
    return -1
end
for i = 1, #ARGV, 4 do
    local number = tonumber(ARGV[i])
    if number == last + 1 then
        if ARGV[i + 1] ~= '0' then redis.call('HINCRBY', KEYS[1], 'available', ARGV[i + 1]) end
        if ARGV[i + 2] ~= '' then
            redis.call('HSET', KEYS[1], 'key:' .. ARGV[i + 2], ARGV[i + 3])
        end
        last = number
        redis.call('HSET', KEYS[1], 'sync', ARGV[i])
    end
end
return last
