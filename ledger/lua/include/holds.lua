-- A hold is `H <ceiling> <orphan charge> <orphan record>`; once it has ended it is a tombstone:
-- `T <kind> <charge> <number>` until it is acknowledged, `W <kind> <charge> <number>` where a rebuild
-- has found that Postgres has it already. Where its key has a limit, a hold has `<counter> ` before
-- its record, which is JSON, and a tombstone has ` <counter>` at its end; see limits.lua.
local function parse_hold(value)
    local ceiling, orphan_charge, rest = string.match(value or '', '^H (%d+) (%d+) (.*)$')
    if not ceiling then return nil end
    local counter, record = string.match(rest, '^(%d+:%S+) (.*)$')
    return {
        ceiling = ceiling, orphan_charge = orphan_charge,
        counter = counter, record = record or rest,
    }
end

local function format_hold(ceiling, orphan_charge, counter, record)
    local rest = counter and counter .. ' ' .. record or record
    return 'H ' .. ceiling .. ' ' .. orphan_charge .. ' ' .. rest
end

local function parse_tombstone(value)
    local state, kind, charge, number, counter =
        string.match(value or '', '^([TW]) (%a+) (%d+) (%d+) ?(%S*)$')
    if not kind then return nil end
    return {
        written = state == 'W', kind = kind, charge = charge, number = number, counter = counter,
    }
end

-- Redis reads an integer back exactly only when it is written without an exponent. Exact below 2^53.
local function integer(amount)
    return string.format('%.0f', amount)
end

-- The negative of an amount that is given as digits, which no size makes inexact; never "-0", which
-- Redis does not take for an integer.
local function minus(digits)
    return digits == '0' and digits or '-' .. digits
end
