-- A hold is `H <ceiling> <orphan charge> <orphan record>`; once it has ended it is a tombstone:
-- `T <kind> <charge> <number>` until it is acknowledged, `W <kind> <charge> <number>` where a rebuild
-- has found that Postgres has it already.
local function parse_hold(value)
    local ceiling, orphan_charge, record = string.match(value or '', '^H (%d+) (%d+) (.*)$')
    if not ceiling then return nil end
    return { ceiling = ceiling, orphan_charge = orphan_charge, record = record }
end

local function parse_tombstone(value)
    local state, kind, charge, number = string.match(value or '', '^([TW]) (%a+) (%d+) (%d+)$')
    if not kind then return nil end
    return { written = state == 'W', kind = kind, charge = charge, number = number }
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
