#!lua flags=allow-oom
-- Settles one orphaned hold by the charge and the record that were filed with it.
-- Input:  KEYS 1 account, 2 holds, 3 deadlines, 4 settlements, 5 position, 6 rebuild
--         ARGV 1 account id, 2 request id
-- Output: swept, charge_mc | not_due | gone
-- @include holds
-- @include limits
-- @include file_record
local keys = {
    account = KEYS[1], holds = KEYS[2], deadlines = KEYS[3], settlements = KEYS[4],
    position = KEYS[5], rebuild = KEYS[6],
}
local account_id, request_id = ARGV[1], ARGV[2]
local member = account_id .. '/' .. request_id
local deadline = redis.call('ZSCORE', keys.deadlines, member)
local now = redis.call('TIME')
-- Asked again here: its worker may have renewed it since the sweeper looked.
if deadline and tonumber(deadline) > now[1] * 1000 + math.floor(now[2] / 1000) then
    return { 'not_due' }
end
local hold = parse_hold(redis.call('HGET', keys.holds, request_id))
if not hold then
    redis.call('ZREM', keys.deadlines, member)
    return { 'gone' }
end
take(keys, account_id, request_id, 'orphan', hold.orphan_charge, hold, hold.record)
return { 'swept', hold.orphan_charge }
