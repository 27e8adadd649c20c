#!lua flags=allow-oom
-- Finishes a rebuild: available = balance - held - charges that Postgres does not have yet.
-- Input:  KEYS 1 account, 2 holds, 3 rebuild, 4 deadlines
--         ARGV 1 token, 2 account id, 3 balance_mc, 4 last sync number, 5 month as 202603, 6 count
--              of keys, then for each key: id, state, limit_mc or '', spent_mc of the month; then
--              for each written settlement: request id, kind
-- Output: built | again (something changed since the beginning: begin again) | there
-- @include holds
-- @include limits
local account, holds, rebuild, deadlines = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
if redis.call('EXISTS', account) == 1 then return 'there' end
if redis.call('GET', rebuild) ~= ARGV[1] then return 'again' end

local month, first_written = ARGV[5], 7 + 4 * tonumber(ARGV[6])
local written = {}
for i = first_written, #ARGV, 2 do
    written[ARGV[i]] = written[ARGV[i]] or {}
    written[ARGV[i]][ARGV[i + 1]] = true
end

local limits, spent = {}, {}
for i = 7, first_written - 1, 4 do
    if ARGV[i + 2] ~= '' then
        limits[ARGV[i]], spent[ARGV[i]] = ARGV[i + 2], tonumber(ARGV[i + 3])
    end
end

local function add_spent(key_id, amount)
    if key_id and spent[key_id] then spent[key_id] = spent[key_id] + tonumber(amount) end
end

local held, unwritten = 0, 0
local filed = redis.call('HGETALL', holds)
for i = 1, #filed, 2 do
    local request_id = filed[i]
    local hold, tombstone = parse_hold(filed[i + 1]), parse_tombstone(filed[i + 1])
    local known = written[request_id]
    if hold and known then
        -- Redis was set back: this call has ended, and the ledger has it.
        redis.call('HDEL', holds, request_id)
        redis.call('ZREM', deadlines, ARGV[2] .. '/' .. request_id)
    elseif hold then
        held = held + tonumber(hold.ceiling)
        add_spent(count_hold(holds, request_id, hold, month, limits), hold.ceiling)
    elseif tombstone and known and known[tombstone.kind] then
        redis.call('HSET', holds, request_id,
            'W ' .. tombstone.kind .. ' ' .. tombstone.charge .. ' ' .. tombstone.number)
    elseif tombstone and not tombstone.written then
        unwritten = unwritten + tonumber(tombstone.charge)
        local began, key_id = parse_counter(tombstone.counter)
        if began == month then add_spent(key_id, tombstone.charge) end
    end
end

redis.call('HSET', account, 'available', integer(tonumber(ARGV[3]) - held - unwritten),
    'held', integer(held), 'unwritten', integer(unwritten), 'sync', ARGV[4])
for i = 7, first_written - 1, 4 do
    redis.call('HSET', account, 'key:' .. ARGV[i], ARGV[i + 1])
end
for key_id, limit in pairs(limits) do
    redis.call('HSET', account, 'limit:' .. key_id, limit, 'month:' .. key_id, month,
        'spent:' .. key_id, integer(spent[key_id]))
end
redis.call('DEL', rebuild)
return 'built'
