#!lua flags=allow-oom
-- Begins to rebuild an account that Redis has lost: sets a token that every change takes away.
-- Input:  KEYS 1 account, 2 holds, 3 rebuild; ARGV 1 token, 2 ttl_ms of the token
-- Output: there | begun, then for each hold and tombstone: request id, kind (`held` for a hold)
-- @include holds
if redis.call('EXISTS', KEYS[1]) == 1 then return { 'there' } end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
local reply = { 'begun' }
local filed = redis.call('HGETALL', KEYS[2])
for i = 1, #filed, 2 do
    local tombstone = parse_tombstone(filed[i + 1])
    reply[#reply + 1] = filed[i]
    reply[#reply + 1] = tombstone and tombstone.kind or 'held'
end
return reply
