#!lua flags=no-writes
-- Reads all that Redis has of an account, in one moment. Changes nothing.
-- Input:  KEYS 1 account, 2 holds, 3 deadlines, 4 position
--         ARGV 1 account id, 2… requests that had a deadline a moment ago
-- Output: now_ms, available, held, unwritten, sync (each '' where it is lacking), number of the last
--         record that was acknowledged, then six for each thing that is filed: request id;
--         H hold | T tombstone | W written tombstone | D a deadline without a hold | ? unreadable;
--         ceiling or charge, kind, number, deadline ('' where it has none)
-- @include holds
local account, holds, deadlines, position = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now = redis.call('TIME')
local there = redis.call('HMGET', account, 'available', 'held', 'unwritten', 'sync')
local reply = { integer(now[1] * 1000 + math.floor(now[2] / 1000)) }
for i = 1, 4 do reply[i + 1] = there[i] or '' end
reply[6] = redis.call('HGET', position, 'written') or '0'

local function add(request_id, state, amount, kind, number, deadline)
    for _, value in ipairs({ request_id, state, amount, kind, number, deadline or '' }) do
        reply[#reply + 1] = value
    end
end

local function deadline_of(request_id)
    return redis.call('ZSCORE', deadlines, ARGV[1] .. '/' .. request_id)
end

local is_held = {}
local filed = redis.call('HGETALL', holds)
for i = 1, #filed, 2 do
    local request_id = filed[i]
    local hold, tombstone = parse_hold(filed[i + 1]), parse_tombstone(filed[i + 1])
    if hold then
        is_held[request_id] = true
        add(request_id, 'H', hold.ceiling, '', '', deadline_of(request_id))
    elseif tombstone then
        local state = tombstone.written and 'W' or 'T'
        add(request_id, state, tombstone.charge, tombstone.kind, tombstone.number)
    else
        is_held[request_id] = true
        add(request_id, '?', '', '', '', deadline_of(request_id))
    end
end
for i = 2, #ARGV do
    local deadline = not is_held[ARGV[i]] and deadline_of(ARGV[i])
    if deadline then add(ARGV[i], 'D', '', '', '', deadline) end
end
return reply
