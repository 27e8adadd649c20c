-- Appends a record under the partition's next number, which is its id in the stream.
local function file_record(position, settlements, ...)
    local number = redis.call('HINCRBY', position, 'number', 1)
    redis.call('XADD', settlements, integer(number) .. '-0', ...)
    return number
end

-- Ends a hold: the charge stays taken, the rest is available again, to its key as well.
local function take(keys, account_id, request_id, kind, charge, hold, record)
    local ceiling = hold.ceiling
    -- First, because it alone can fail: then nothing else has happened.
    local number = file_record(keys.position, keys.settlements, 'kind', kind, 'account', account_id,
        'request', request_id, 'taken', charge, 'held', ceiling, 'record', record)
    local tombstone = 'T ' .. kind .. ' ' .. charge .. ' ' .. integer(number)
    if hold.counter then tombstone = tombstone .. ' ' .. hold.counter end
    redis.call('HSET', keys.holds, request_id, tombstone)
    redis.call('ZREM', keys.deadlines, account_id .. '/' .. request_id)
    -- A rebuild under way has read what is no longer so.
    redis.call('DEL', keys.rebuild)
    if redis.call('EXISTS', keys.account) == 1 then
        redis.call('HINCRBY', keys.account, 'available', ceiling)
        redis.call('HINCRBY', keys.account, 'available', minus(charge))
        redis.call('HINCRBY', keys.account, 'held', minus(ceiling))
        redis.call('HINCRBY', keys.account, 'unwritten', charge)
        if hold.counter then charge_counter(keys.account, hold.counter, ceiling, charge) end
    end
    return number
end
