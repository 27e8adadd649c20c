-- What a key has spent of its monthly limit: fields of its account, there only where it has one.
-- `limit:<key id>` is the limit, `spent:<key id>` is what its calls hold and were charged that
-- began in the month `month:<key id>` (of UTC, as 202603). A hold that is in it says so: it counts
-- in `<month>:<key id>`, and gives back to nothing else.
local function counter_of(month, key_id)
    return month .. ':' .. key_id
end

local function parse_counter(counter)
    return string.match(counter, '^(%d+):(.+)$')
end

-- The month of a time in seconds since 1970, as text; by the calendar's cycle of 400 years, which
-- is taken to begin in a March, so that a leap day comes last.
local function month_of(seconds)
    local days = math.floor(seconds / 86400) + 719468
    local era = math.floor(days / 146097)
    local day = days - era * 146097
    local year = math.floor((day - math.floor(day / 1460) + math.floor(day / 36524)
        - math.floor(day / 146096)) / 365)
    day = day - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * day + 2) / 153) + 3
    year = year + era * 400
    if month > 12 then month, year = month - 12, year + 1 end
    return string.format('%04d%02d', year, month)
end

-- The month in which a key's calls count now, and what is spent in it. It never goes back: a clock
-- that does would begin a month twice.
local function spending_now(account, key_id, seconds)
    local there = redis.call('HMGET', account, 'month:' .. key_id, 'spent:' .. key_id)
    local month = month_of(seconds)
    if there[1] and tonumber(there[1]) >= tonumber(month) then return there[1], there[2] end
    return month, '0'
end

-- Adds to what a key has spent in a month. A newer month takes the place of an older one, and what
-- is of an older one counts nowhere any more.
local function spend(account, key_id, month, amount)
    local known = tonumber(redis.call('HGET', account, 'month:' .. key_id) or 0)
    if known < tonumber(month) then
        redis.call('HSET', account, 'month:' .. key_id, month, 'spent:' .. key_id, amount)
    elseif known == tonumber(month) then
        redis.call('HINCRBY', account, 'spent:' .. key_id, amount)
    end
end

-- Takes a hold's ceiling off what its key has spent, and adds its charge.
local function charge_counter(account, counter, ceiling, charge)
    local month, key_id = parse_counter(counter)
    if redis.call('HGET', account, 'month:' .. key_id) ~= month then return end
    redis.call('HINCRBY', account, 'spent:' .. key_id, charge)
    redis.call('HINCRBY', account, 'spent:' .. key_id, minus(ceiling))
end

-- The key in whose month a hold counts, or nothing. One that was filed before its key had a limit
-- (`limits` has those of keys) counts from now on.
local function count_hold(holds, request_id, hold, month, limits)
    if hold.counter then
        local began, key_id = parse_counter(hold.counter)
        return began == month and key_id
    end
    local key_id = string.match(hold.record, '"key_id":"([^"]+)"')
    if not limits[key_id] then return nil end
    redis.call('HSET', holds, request_id, format_hold(
        hold.ceiling, hold.orphan_charge, counter_of(month, key_id), hold.record))
    return key_id
end

-- Sets a key's limit; '0' lifts it. A key that had none begins with what the ledger says is spent,
-- and with what its calls hold; another limit of a key that has one changes nothing of that.
local function set_limit(account, holds, key_id, limit, month, spent)
    local fields = { 'limit:' .. key_id, 'month:' .. key_id, 'spent:' .. key_id }
    if limit == '0' then return redis.call('HDEL', account, unpack(fields)) end
    if redis.call('HSET', account, fields[1], limit) == 0 then return end
    redis.call('HSET', account, fields[2], month, fields[3], spent)
    local filed = redis.call('HGETALL', holds)
    for i = 1, #filed, 2 do
        local hold = parse_hold(filed[i + 1])
        if hold and count_hold(holds, filed[i], hold, month, { [key_id] = limit }) == key_id then
            redis.call('HINCRBY', account, fields[3], hold.ceiling)
        end
    end
end
