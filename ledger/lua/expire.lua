#!lua
-- Takes credits that have expired unused out of what is available, and files that. What calls hold
-- is not taken; what is taken but not yet written may have used the credits up: the writer decides.
-- Input:  KEYS 1 account, 2 holds, 3 settlements, 4 position, 5 rebuild
--         ARGV 1 account id, 2 id of this try, 3 what the ledger has left of the lot (mc), 4 and of
--              the lots that are used before it, 5 record
-- Output: taken_mc ('0': nothing could be taken) | '' where the account is not in Redis
-- Idempotent: a second call with the same id answers as the first, until that is written.
-- @include holds
-- @include limits
-- @include file_record
local account, holds, settlements, position, rebuild = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local tombstone = parse_tombstone(redis.call('HGET', holds, ARGV[2]))
if tombstone then return tombstone.charge end
local there = redis.call('HMGET', account, 'available', 'unwritten')
if not there[1] then return '' end
local remaining, before = tonumber(ARGV[3]), tonumber(ARGV[4])
local unused = math.min(remaining, before + remaining - tonumber(there[2]))
local taken = integer(math.max(math.min(tonumber(there[1]), unused), 0))
if taken == '0' then return taken end

-- First, because it alone can fail: then nothing else has happened.
local number = file_record(position, settlements, 'kind', 'expiry', 'account', ARGV[1],
    'request', ARGV[2], 'taken', taken, 'held', '0', 'record', ARGV[5])
redis.call('HSET', holds, ARGV[2], 'T expiry ' .. taken .. ' ' .. integer(number))
-- A rebuild under way has read what is no longer so.
redis.call('DEL', rebuild)
redis.call('HINCRBY', account, 'available', minus(taken))
redis.call('HINCRBY', account, 'unwritten', taken)
return taken
