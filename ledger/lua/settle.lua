#!lua flags=allow-oom
-- Turns a hold into a charge and files the usage record. A release is a settlement of 0.
-- Input:  KEYS 1 account, 2 holds, 3 deadlines, 4 settlements, 5 position, 6 rebuild
--         ARGV 1 account id, 2 request id, 3 charge_mc, 4 record, 5 '1' where it is undelivered
-- Output: taken | repeated | late, the record's number, balance_mc or '' where the account is lost
-- Idempotent by the request id: a repeated settlement takes nothing. Where no hold is found
-- (swept, lost) no balance is touched: the writer decides what is owed.
-- @include holds
-- @include limits
-- @include file_record
local keys = {
    account = KEYS[1], holds = KEYS[2], deadlines = KEYS[3], settlements = KEYS[4],
    position = KEYS[5], rebuild = KEYS[6],
}
local account_id, request_id, charge, record = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local filed = redis.call('HGET', keys.holds, request_id)
local hold, tombstone = parse_hold(filed), parse_tombstone(filed)
local outcome, number

if hold then
    outcome = 'taken'
    number = take(keys, account_id, request_id, 'settled', charge, hold, record)
elseif tombstone and tombstone.kind == 'settled' then
    outcome, number = 'repeated', tonumber(tombstone.number)
else
    outcome = 'late'
    redis.call('DEL', keys.rebuild)
    number = file_record(keys.position, keys.settlements, 'kind', 'settled', 'account', account_id,
        'request', request_id, 'taken', '0', 'held', '0', 'record', record)
end
if ARGV[5] == '1' then
    number = file_record(keys.position, keys.settlements, 'kind', 'undelivered', 'account',
        account_id, 'request', request_id, 'taken', '0', 'held', '0', 'record', record)
end
local now = redis.call('HMGET', keys.account, 'available', 'held')
if not now[1] then return { outcome, number, '' } end
return { outcome, number, integer(tonumber(now[1]) + tonumber(now[2])) }
