#!lua flags=allow-oom
-- Applies numbered changes of an account, in order and each once.
-- Input:  KEYS 1 account, 2 rebuild, 3 holds
--         ARGV for each change: number, amount_mc, key id or '', state of the key or '', limit_mc
--              of the key ('0': none any more) or '', what it has spent by then, or what a
--              correction adds to that (mc), month that this is of as 202603
-- Output: the last number applied, or -1 where the account is not in Redis
-- @include holds
-- @include limits
local last = tonumber(redis.call('HGET', KEYS[1], 'sync'))
if not last then
    -- A rebuild under way may have read Postgres before these changes.
    redis.call('DEL', KEYS[2])
    return -1
end
local function apply_to_key(key_id, state, limit, spent, month)
    if state ~= '' then redis.call('HSET', KEYS[1], 'key:' .. key_id, state) end
    if limit ~= '' then
        set_limit(KEYS[1], KEYS[3], key_id, limit, month, spent)
    elseif state == '' and redis.call('HEXISTS', KEYS[1], 'limit:' .. key_id) == 1 then
        spend(KEYS[1], key_id, month, spent)
    end
end

for i = 1, #ARGV, 7 do
    local number = tonumber(ARGV[i])
    if number == last + 1 then
        if ARGV[i + 1] ~= '0' then redis.call('HINCRBY', KEYS[1], 'available', ARGV[i + 1]) end
        if ARGV[i + 2] ~= '' then
            apply_to_key(ARGV[i + 2], ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], ARGV[i + 6])
        end
        last = number
        redis.call('HSET', KEYS[1], 'sync', ARGV[i])
    end
end
return last
