#!lua
-- Holds credits for a request: key good, enough available and left of the key's limit, hold filed
-- with its deadline.
-- Input:  KEYS 1 account, 2 holds, 3 deadlines, 4 settlements
--         ARGV 1 account id, 2 request id, 3 key id, 4 maximum_mc, 5 minimum_mc, 6 ttl_ms,
--              7 most unwritten records, 8 orphan charge_mc, 9 orphan record
-- Output: held, held_mc | insufficient, available_mc, held_mc of all calls
--         | key_limit, limit_mc, spent_mc and held of it, month as 202603, available_mc
--         | no_account | key_unknown | key_revoked | key_suspended | backlog | closed
-- Idempotent: a second call with the same request id answers as the first.
-- @include holds
-- @include limits
local account, holds, deadlines, settlements = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local account_id, request_id, key_id = ARGV[1], ARGV[2], ARGV[3]
local maximum, minimum = tonumber(ARGV[4]), tonumber(ARGV[5])

-- First of all: asked again, a hold that was made is the answer, whatever has changed since.
local filed = redis.call('HGET', holds, request_id)
if filed then
    local hold = parse_hold(filed)
    if hold then return { 'held', hold.ceiling } end
    return { 'closed' }
end

local there = redis.call('HMGET', account, 'available', 'held', 'key:' .. key_id,
    'limit:' .. key_id)
if not there[1] then return { 'no_account' } end
if not there[3] then return { 'key_unknown' } end
if there[3] == 'suspended' then return { 'key_suspended' } end
if there[3] ~= 'active' then return { 'key_revoked' } end
if redis.call('XLEN', settlements) >= tonumber(ARGV[7]) then return { 'backlog' } end

local available = tonumber(there[1])
if available < minimum then return { 'insufficient', there[1], there[2] } end
local now = redis.call('TIME')
local room, limit, month, counter = available, there[4], nil, nil
if limit then
    local spent
    month, spent = spending_now(account, key_id, now[1])
    local left = math.max(tonumber(limit) - tonumber(spent), 0)
    if left < minimum then return { 'key_limit', limit, spent, month, there[1] } end
    room, counter = math.min(room, left), counter_of(month, key_id)
end
local ceiling = integer(math.min(room, maximum))
local orphan_charge = integer(math.min(tonumber(ceiling), tonumber(ARGV[8])))

redis.call('HINCRBY', account, 'available', minus(ceiling))
redis.call('HINCRBY', account, 'held', ceiling)
if limit then spend(account, key_id, month, ceiling) end
redis.call('HSET', holds, request_id, format_hold(ceiling, orphan_charge, counter, ARGV[9]))
redis.call('ZADD', deadlines, integer(now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[6]),
    account_id .. '/' .. request_id)
return { 'held', ceiling }
