#!lua flags=allow-oom
-- Ends a repair: this Redis is of a new epoch, and its records are numbered on from where Postgres
-- is. A number that is given twice, or a repair that is lost, would hide the next loss.
-- Input:  KEYS 1 position; ARGV 1 last number that Postgres has, 2 epoch
-- Output: the last number that was given
local number = tonumber(redis.call('HGET', KEYS[1], 'number') or 0)
if number < tonumber(ARGV[1]) then
    number = tonumber(ARGV[1])
    redis.call('HSET', KEYS[1], 'number', ARGV[1])
end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
return number
